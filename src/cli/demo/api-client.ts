import { setTimeout as delay } from 'node:timers/promises';

/** A refusal by the service, as problem+json has it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(`${code}: ${detail}`);
    this.name = 'ApiError';
  }
}

export interface ApiRequest {
  readonly body?: unknown;
  /** Sent as it is, in place of `body`. */
  readonly bytes?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Statuses that ask to come again later. */
const LATER = [429, 503];
const RETRY_BUDGET_MS = 60_000;
const RETRY_DEFAULT_MS = 1_000;
const ANSWER_TIMEOUT_MS = 90_000;

/** Calls one service with one key. Waits and repeats where the service is busy or out of reach, for a minute at most. */
export class ApiClient {
  constructor(
    readonly url: string,
    private readonly key: string,
    /** Ends calls that are under way, and their waits. */
    private readonly signal: AbortSignal,
  ) {}

  get<T>(path: string): Promise<T> {
    return this.send<T>('GET', path, {});
  }

  /** Must be safe to repeat: the service may have taken a request whose answer was lost. */
  post<T>(path: string, request: ApiRequest): Promise<T> {
    return this.send<T>('POST', path, request);
  }

  private async send<T>(method: string, path: string, request: ApiRequest): Promise<T> {
    const giveUpAt = Date.now() + RETRY_BUDGET_MS;
    for (;;) {
      const answer = await this.attempt(method, path, request).catch((error: unknown) => {
        this.signal.throwIfAborted();
        if (Date.now() >= giveUpAt) throw unreachable(this.url, error);
        return undefined;
      });
      const waitMs = answer === undefined ? RETRY_DEFAULT_MS : retryAfterMs(answer);
      if (answer !== undefined && (!LATER.includes(answer.status) || Date.now() + waitMs > giveUpAt)) {
        return await contentOf<T>(answer);
      }
      await answer?.body?.cancel();
      await delay(waitMs, undefined, { signal: this.signal });
    }
  }

  private attempt(method: string, path: string, { body, bytes, headers }: ApiRequest): Promise<Response> {
    const content = bytes ?? (body === undefined ? undefined : JSON.stringify(body));
    return fetch(`${this.url}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${this.key}`,
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(content !== undefined && { body: content }),
      signal: AbortSignal.any([this.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
    });
  }
}

async function contentOf<T>(answer: Response): Promise<T> {
  if (answer.ok) return (await answer.json()) as T;
  const text = await answer.text();
  const problem = parseProblem(text);
  throw new ApiError(
    answer.status,
    problem.error_code ?? `HTTP ${answer.status}`,
    problem.detail ?? text.slice(0, 200),
  );
}

function parseProblem(text: string): { error_code?: string; detail?: string } {
  try {
    return JSON.parse(text) as { error_code?: string; detail?: string };
  } catch {
    return {};
  }
}

function retryAfterMs(answer: Response): number {
  const seconds = Number(answer.headers.get('retry-after') ?? NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.max(50, seconds * 1000) : RETRY_DEFAULT_MS;
}

function unreachable(url: string, error: unknown): Error {
  const cause =
    error instanceof Error
      ? error.cause instanceof Error
        ? error.cause.message
        : error.message
      : String(error);
  return new Error(`${url} does not answer: ${cause}`, { cause: error });
}
