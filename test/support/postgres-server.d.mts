export interface StartedPostgres {
  readonly url: string;
  /** Which one it is, for the log. */
  readonly how: string;
  stop(): Promise<void>;
}

export interface OwnPostgres extends StartedPostgres {
  signal(name: NodeJS.Signals): void;
}

export function startPostgres(say: (line: string) => void): Promise<StartedPostgres>;
export function startEmbeddedPostgres(): Promise<OwnPostgres>;
