import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';

/** A request as a writer made it up, before its first attempt. */
export interface RequestEntry {
  readonly e: 'request';
  readonly r: number;
  readonly tenant: string;
  readonly table: string;
  /** Events of its own. */
  readonly count: number;
  readonly keys: 'record' | 'request';
  readonly wait: boolean;
  /** Acknowledged events of another request that it brings again, with their own keys. */
  readonly repeats?: { readonly r: number; readonly count: number };
  /** Records after its own that do not fit, which are to go to the dead letters. */
  readonly misfits?: number;
  /** The misfits fit, and are taken as the others, once the column `size` is widened. */
  readonly oversize?: boolean;
  /** It uses a key of the acknowledged request for other content, and has to be refused as a whole. */
  readonly abuses?: number;
  /** To the table that comes and goes: its events may be discarded. */
  readonly brief?: boolean;
}

/** Seen by a query: table, request, events, positions, mark, lowest and highest token. */
export type SeenRow = readonly [string, number, number, number, number, number, number];

/**
 * One line of a history: its kind in `e`; requests have numbers `r`, attempts `a`, reads `q`. The order is the order in
 * time: what stands before a line had happened when the line's call began, or ended.
 */
export type Entry =
  | RequestEntry
  /** An attempt `a` of a request is sent. */
  | { readonly e: 'attempt'; readonly a: number; readonly r: number; readonly api: string }
  /** Acknowledged. `snapshot` where it waited and is visible. */
  | {
      readonly e: 'answer';
      readonly a: number;
      readonly r: number;
      readonly accepted: number;
      readonly duplicates: number;
      readonly quarantined: number;
      readonly token: number;
      readonly snapshot?: number;
    }
  /** Refused for good. */
  | {
      readonly e: 'refused';
      readonly a: number;
      readonly r: number;
      readonly status: number;
      readonly code: string;
    }
  /** No answer, or one that says nothing about the outcome. */
  | { readonly e: 'lost'; readonly a: number; readonly r: number; readonly why: string }
  /** The writer gives up without knowing. */
  | { readonly e: 'abandoned'; readonly r: number }
  /** A query over all tables of a tenant is sent. */
  | {
      readonly e: 'read';
      readonly q: number;
      readonly tenant: string;
      readonly token?: number;
      readonly snapshot?: number;
      /** With the table that comes and goes. */
      readonly brief?: boolean;
    }
  | {
      readonly e: 'rows';
      readonly q: number;
      readonly snapshot: number;
      readonly watermark: number;
      readonly rows: readonly SeenRow[];
    }
  | { readonly e: 'no-rows'; readonly q: number; readonly status: number; readonly code: string }
  /** The catalog, looked at from outside. */
  | { readonly e: 'watermark'; readonly tenant: string; readonly published: number; readonly clock: number }
  | {
      readonly e: 'receipt';
      readonly r: number;
      readonly state: string;
      readonly first: number | undefined;
      readonly last: number | undefined;
    }
  /** After everything has healed: all rows of the tenant. */
  | {
      readonly e: 'final';
      readonly tenant: string;
      readonly snapshot: number;
      readonly watermark: number;
      readonly clock: number;
      readonly rows: readonly SeenRow[];
    }
  /** All dead letters of the tenant in the end. */
  | { readonly e: 'dead-letters'; readonly tenant: string; readonly letters: readonly LetterLine[] }
  /** The nemesis damages an event that waits for its commit: by its key. The coordinator may have read it before. */
  | { readonly e: 'spoiled'; readonly tenant: string; readonly key: string }
  /** An operator's call on dead letters is sent. */
  | {
      readonly e: 'resolve';
      readonly tenant: string;
      readonly action: 'replay' | 'discard';
      readonly ids: readonly number[];
    }
  /** Its answer, one line for each id. `token`: under which the event was replayed. */
  | {
      readonly e: 'resolved';
      readonly tenant: string;
      readonly id: number;
      readonly state: string;
      readonly token?: number;
    }
  /** A request to the keyed table, all of its records new under one key. */
  | {
      readonly e: 'keyed-request';
      readonly r: number;
      readonly tenant: string;
      readonly ops: readonly KeyedOp[];
    }
  /** Its highest token. */
  | { readonly e: 'keyed-answer'; readonly r: number; readonly tenant: string; readonly token: number }
  | {
      readonly e: 'keyed-rows';
      readonly tenant: string;
      readonly asked: { readonly token?: number; readonly snapshot?: number };
      readonly snapshot: number;
      readonly watermark: number;
      readonly rows: readonly KeyedRow[];
    }
  /** A table was changed, dropped or brought back. */
  | { readonly e: 'change'; readonly tenant: string; readonly what: string }
  | { readonly e: 'chain'; readonly tenant: string; readonly snapshots: readonly SnapshotLine[] }
  | {
      readonly e: 'file';
      readonly tenant: string;
      readonly path: string;
      readonly state: string;
      readonly found: 'right' | 'wrong' | 'missing';
    }
  /** An object without a row in the catalog. */
  | { readonly e: 'stray'; readonly key: string }
  | { readonly e: 'fault'; readonly what: string; readonly on: string; readonly kill: boolean }
  /** What must happen did not, within its time. */
  | { readonly e: 'stuck'; readonly what: string };

/** A key, and what is done to it. */
export type KeyedOp = readonly [key: number, op: 'upsert' | 'delete'];

/** Key, request, position, token. */
export type KeyedRow = readonly [number, number, number, number];

export interface LetterLine {
  readonly id: number;
  readonly key: string;
  readonly token: number;
  readonly state: 'dead' | 'replayed' | 'discarded';
  readonly replayedToken: number | null;
}

export interface SnapshotLine {
  readonly id: number;
  readonly parent: number | null;
  readonly sequence: number;
  readonly watermark: number;
  readonly operation: string;
  /** The consumer that published it. */
  readonly by: string;
  /** The consumer that held the claim of its files when it was settled; null where that cannot be told. */
  readonly holder: string | null;
  readonly isHead: boolean;
}

/** Microseconds of a clock that all processes of the machine share. */
const now = (): number => Number(process.hrtime.bigint() / 1000n);

/** Appends to a file, so that a million events do not live in memory. Each process has its own. */
export class History {
  readonly path: string;
  private readonly file: number;

  constructor(path: string) {
    this.path = path;
    this.file = openSync(path, 'a');
  }

  add(entry: Entry): void {
    writeSync(this.file, `${JSON.stringify({ at: now(), ...entry })}\n`);
  }

  close(): void {
    closeSync(this.file);
  }
}

export function* readHistory(path: string): Generator<Entry> {
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (line !== '') yield JSON.parse(line) as Entry;
  }
}

/** Writes the lines of several histories into one, in the order of time. */
export function mergeHistories(parts: readonly string[], path: string): void {
  const lines = parts.flatMap((part) =>
    readFileSync(part, 'utf8')
      .split('\n')
      .filter((line) => line !== ''),
  );
  const timeOf = (line: string): number => Number(/^\{"at":(\d+)/.exec(line)?.[1]);
  const timed = lines.map((line) => ({ line, at: timeOf(line) })).sort((a, b) => a.at - b.at);
  writeFileSync(path, timed.map(({ line }) => `${line}\n`).join(''));
}
