import type { Pool } from 'undici';

/** Where an api answers. */
export interface Api {
  readonly name: string;
  readonly http: Pool;
}

export interface Reply<T = Record<string, unknown>> {
  readonly status: number;
  readonly body: T;
}

const ANSWER_MS = 15_000;

/** One call. Rejects where there is no answer, or one that is cut short. */
export async function call<T = Record<string, unknown>>(
  service: Api,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  key: string,
  json?: unknown,
  headers: Record<string, string> = {},
  answerMs = ANSWER_MS,
): Promise<Reply<T>> {
  const { statusCode, body } = await service.http.request({
    path,
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
    headersTimeout: answerMs,
    bodyTimeout: answerMs,
    signal: AbortSignal.timeout(answerMs * 2),
  });
  const text = await body.text();
  return { status: statusCode, body: (text === '' ? {} : JSON.parse(text)) as T };
}

export const isOk = ({ status }: Reply<unknown>): boolean => status >= 200 && status < 300;

/** The outcome is not known, or the same call may succeed later. */
export const isPassing = ({ status }: Reply<unknown>): boolean =>
  status >= 500 || status === 429 || status === 408;
