import { markOf, markOfPositions } from '../events.js';
import type { Entry, LetterLine, RequestEntry, SeenRow, SnapshotLine } from '../history.js';

/** Entries of small histories of one tenant, for the specs of the checker. */
export const TENANT = 'acme';

export const request = (r: number, change: Partial<RequestEntry> = {}): RequestEntry => ({
  e: 'request',
  r,
  tenant: TENANT,
  table: 't0',
  count: 10,
  keys: 'record',
  wait: false,
  ...change,
});
export const row = (
  r: number,
  low: number,
  change: { events?: number; positions?: number } = {},
): SeenRow => {
  const { events = 10, positions = 10 } = change;
  return ['t0', r, events, positions, markOf(TENANT, r, 10), low, low + positions - 1];
};
export const attempt = (r: number): Entry => ({ e: 'attempt', a: r, r, api: 'api-1' });
export const answer = (r: number, token: number, accepted = 10): Entry => ({
  e: 'answer',
  a: r,
  r,
  accepted,
  duplicates: 10 - accepted,
  quarantined: 0,
  token,
});
export const lost = (r: number): Entry => ({ e: 'lost', a: r, r, why: 'ECONNRESET' });
export const acknowledged = (r: number, token: number): Entry[] => [request(r), attempt(r), answer(r, token)];
export const read = (
  q: number,
  asked: object,
  watermark: number,
  rows: SeenRow[],
  snapshot = watermark,
): Entry[] => [
  { e: 'read', q, tenant: TENANT, ...asked },
  { e: 'rows', q, snapshot, watermark, rows },
];
export const final = (watermark: number, ...rows: SeenRow[]): Entry => ({
  e: 'final',
  tenant: TENANT,
  snapshot: 2,
  watermark,
  clock: watermark,
  rows,
});
export const snapshot = (
  id: number,
  watermark: number,
  change: Partial<SnapshotLine> = {},
): SnapshotLine => ({
  id,
  parent: id === 1 ? null : id - 1,
  sequence: id,
  watermark,
  operation: 'append',
  by: 'c1',
  holder: 'c1',
  isHead: id === 2,
  ...change,
});
export const letter = (id: number, key: string, token: number, replayedToken?: number): LetterLine => ({
  id,
  key,
  token,
  state: replayedToken === undefined ? 'dead' : 'replayed',
  replayedToken: replayedToken ?? null,
});
export const letters = (...lines: LetterLine[]): Entry => ({
  e: 'dead-letters',
  tenant: TENANT,
  letters: lines,
});
export const spoiled = (key: string): Entry => ({ e: 'spoiled', tenant: TENANT, key });
/** Of request 1, with the positions and tokens that it has. */
export const partOf = (positions: number[], low: number, high: number): SeenRow => [
  't0',
  1,
  positions.length,
  positions.length,
  markOfPositions(TENANT, 1, positions),
  low,
  high,
];

export type Entries = readonly (Entry | readonly Entry[])[];

export const flat = (entries: Entries): Entry[] =>
  entries.flatMap((entry) => (Array.isArray(entry) ? (entry as readonly Entry[]) : [entry as Entry]));
