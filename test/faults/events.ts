import { createHash } from 'node:crypto';
import type { SeenRow } from './history.js';

export const COLUMNS = [
  { name: 'tenant', type: 'string', nullable: false },
  { name: 'request', type: 'long', nullable: false },
  { name: 'position', type: 'int', nullable: false },
  { name: 'amount', type: 'decimal(12,2)' },
  { name: 'note', type: 'string' },
  { name: 'size', type: 'int' },
] as const;

/** Which event it is: the position-th record of the request that first brought it. */
export interface EventId {
  readonly tenant: string;
  readonly request: number;
  readonly position: number;
}

const NOTES = ['plain', 'a "quoted" one', 'größer', '漢字', '🌊🌊', 'back\\slash', 'line\nbreak', ''];

/** The one content of an event. `variant` 0; any other is what an attempt to use its key again would bring. */
export function payloadOf({ tenant, request, position }: EventId, variant = 0): Record<string, unknown> {
  const amount = ((request * 7919 + position * 104729 + variant) % 1_000_000) / 100;
  const note = `${NOTES[(request + position) % NOTES.length] ?? ''} ${request}-${position}`;
  return { tenant, request, position, amount: amount.toFixed(2), note, size: position };
}

export const keyOf = ({ request, position }: EventId): string => `event-${request}-${position}`;
export const misfitKeyOf = (request: number, n: number): string => `misfit-${request}-${n}`;
export const requestKeyOf = (request: number): string => `request-${request}`;

/** A dead letter, by its key: the n-th misfit of its request, or the event at a position. */
export interface LetterId {
  readonly request: number;
  readonly misfit?: number;
  readonly position?: number;
}

export function idOfLetter(key: string): LetterId | undefined {
  const [, kind, request, n] = /^(event|misfit|request)-(\d+)[-#](\d+)$/.exec(key) ?? [];
  if (kind === undefined) return undefined;
  return { request: Number(request), [kind === 'misfit' ? 'misfit' : 'position']: Number(n) };
}

/** More than an int holds. */
export const OVERSIZE = 3_000_000_000;

/** What a query answers for a request of which the first `count` events are there once: see `auditSql`. */
export const markOf = (tenant: string, request: number, count: number): number =>
  markOfPositions(
    tenant,
    request,
    Array.from({ length: count }, (_, position) => position),
  );

export function markOfPositions(tenant: string, request: number, positions: Iterable<number>): number {
  let high = 0;
  let low = 0;
  for (const position of positions) {
    const { amount, note } = payloadOf({ tenant, request, position });
    const text = [tenant, request, position, amount, note].join('|');
    const digest = createHash('md5').update(text).digest('hex');
    high ^= parseInt(digest.slice(0, 6), 16);
    low ^= parseInt(digest.slice(6, 12), 16);
  }
  return high * 2 ** 24 + low;
}

/** A row for each table and request: how many events, how many positions, their mark, lowest and highest token. */
export function auditSql(tables: readonly string[]): string {
  return tables
    .map(
      (table) =>
        `SELECT '${table}' AS t, request, count(*) AS n, count(DISTINCT position) AS d, ` +
        `bit_xor(CAST('0x' || substr(md5(concat_ws('|', tenant, request, position, amount, note)), 1, 12) AS BIGINT)) AS mark, ` +
        `min(_visibility_token) AS low, max(_visibility_token) AS high FROM ${table} GROUP BY request`,
    )
    .join(' UNION ALL ');
}

/** A row of its answer, which has whole numbers as JSON numbers or as text. */
export const toSeenRow = (row: readonly unknown[]): SeenRow => [
  String(row[0]),
  Number(row[1]),
  Number(row[2]),
  Number(row[3]),
  Number(row[4]),
  Number(row[5]),
  Number(row[6]),
];
