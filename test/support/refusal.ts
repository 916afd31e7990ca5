import type { Answer, Problem } from './service-client.js';

/** What a client is told, and the place of the fault. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  /** Of the first violation. */
  readonly place?: Record<string, unknown>;
  readonly context?: Record<string, unknown>;
}

/** A call that is refused. */
export interface RefusalCase extends Refusal {
  readonly name: string;
  readonly send: () => Promise<Answer<unknown>>;
}

const refusedWith =
  (code: string) =>
  (name: string, send: RefusalCase['send'], place: Record<string, unknown>): RefusalCase => ({
    name,
    send,
    status: 400,
    code,
    place,
  });

export const invalid = refusedWith('REQUEST_INVALID');
export const violates = refusedWith('SCHEMA_VIOLATION');

export function expectRefusal(answer: Answer<unknown>, { status, code, place, context }: Refusal): void {
  const problem = answer.body as Problem;
  expect({ status: answer.status, code: problem.error_code }).toEqual({ status, code });
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(problem).toMatchObject({
    status,
    type: `/docs/errors#${code}`,
    title: expect.any(String) as string,
    detail: expect.stringMatching(/./) as string,
    retryable: false,
    trace_id: expect.stringMatching(/./) as string,
  });
  if (place !== undefined) expect(problem.context.violations?.[0]).toMatchObject(place);
  if (context !== undefined) expect(problem.context).toMatchObject(context);
}
