/** What came back. `body` is the parsed JSON, or the text where it is none. */
export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly error_code: string;
  readonly retryable: boolean;
  readonly context: {
    readonly violations?: readonly Record<string, unknown>[];
    readonly [name: string]: unknown;
  };
  readonly trace_id: string;
}

export interface IngestAnswer {
  readonly accepted_count: number;
  readonly duplicate_count: number;
  readonly max_visibility_token: number;
  readonly status: 'accepted' | 'partial_duplicate' | 'visible';
  readonly visible_snapshot_id?: number;
}

export interface QueryAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly row_count: number;
  readonly truncated: boolean;
  readonly snapshot_id: number;
  readonly snapshot_time: string;
  readonly max_visibility_token: number;
  readonly stats: Readonly<Record<string, number>>;
}

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly nullable?: boolean;
}

export interface RequestParts {
  readonly json?: unknown;
  /** Sent as it is, in place of `json`. */
  readonly bytes?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
}

const ANSWER_TIMEOUT_MS = 90_000;

/** HTTP calls to one service with one key. Never throws for a status; `expectOk` does. */
export class ServiceClient {
  constructor(
    readonly url: string,
    private readonly key?: string,
  ) {}

  get secret(): string {
    return this.key ?? '';
  }

  /** The same key at another address: a service that starts again has another port. */
  at(url: string): ServiceClient {
    return new ServiceClient(url, this.key);
  }

  async send<T = unknown>(method: string, path: string, parts: RequestParts = {}): Promise<Answer<T>> {
    const { json, bytes, headers } = parts;
    const content = bytes ?? (json === undefined ? undefined : JSON.stringify(json));
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(this.key !== undefined && { Authorization: `Bearer ${this.key}` }),
        ...(json !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(content !== undefined && { body: content }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: parse(text) as T };
  }

  get<T = unknown>(path: string): Promise<Answer<T>> {
    return this.send<T>('GET', path);
  }

  post<T = unknown>(path: string, json: unknown, headers: Record<string, string> = {}): Promise<Answer<T>> {
    return this.send<T>('POST', path, { json, headers });
  }

  patch<T = unknown>(path: string, json: unknown, headers: Record<string, string> = {}): Promise<Answer<T>> {
    return this.send<T>('PATCH', path, { json, headers });
  }

  delete<T = unknown>(path: string): Promise<Answer<T>> {
    return this.send<T>('DELETE', path);
  }

  /** `body`: `records` and the waiting options. */
  ingest(table: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer<IngestAnswer>> {
    return this.post<IngestAnswer>(`/v1/ingest/${table}`, body, headers);
  }

  /** NDJSON, one value a line; `path` may have a query. */
  ingestLines(
    path: string,
    lines: readonly unknown[],
    headers: Record<string, string> = {},
    encode: (bytes: Buffer) => Buffer = (bytes) => bytes,
  ): Promise<Answer<IngestAnswer>> {
    const text = lines.map((line) => JSON.stringify(line)).join('\n');
    return this.send<IngestAnswer>('POST', `/v1/ingest/${path}`, {
      bytes: new Uint8Array(encode(Buffer.from(text))),
      headers: { 'Content-Type': 'application/x-ndjson', ...headers },
    });
  }

  query(sql: string, more: Record<string, unknown> = {}): Promise<Answer<QueryAnswer>> {
    return this.post<QueryAnswer>('/v1/query', { sql, ...more });
  }

  /** The rows of a query that must succeed. */
  async rows(sql: string, more: Record<string, unknown> = {}): Promise<QueryAnswer['rows']> {
    return expectOk(await this.query(sql, more)).rows;
  }
}

/** The body of a success; throws with the problem otherwise. */
export function expectOk<T>({ status, body }: Answer<T>): T {
  if (status >= 200 && status < 300) return body;
  throw new Error(`answered ${status}: ${JSON.stringify(body)}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
