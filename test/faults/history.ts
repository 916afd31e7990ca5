import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

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
  /** It uses a key of the acknowledged request for other content, and has to be refused as a whole. */
  readonly abuses?: number;
}

/** Seen by a query: table, request, events, positions, mark, lowest and highest token. */
export type SeenRow = readonly [string, number, number, number, number, number, number];

/**
 * One line of a history. Its order is the order in time: what stands before a line had happened when the line's
 * call began, or ended.
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
  /** All dead letters of the tenant: idempotency key and token. */
  | {
      readonly e: 'dead-letters';
      readonly tenant: string;
      readonly letters: readonly (readonly [string, number])[];
    }
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

/** Appends to a file, so that a million events do not live in memory. */
export class History {
  readonly path: string;
  private readonly file: number;

  constructor(path: string) {
    this.path = path;
    this.file = openSync(path, 'a');
  }

  add(entry: Entry): void {
    writeSync(this.file, `${JSON.stringify(entry)}\n`);
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
