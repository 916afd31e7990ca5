export type RefusalCode = 'SQL_INVALID' | 'SQL_NOT_ALLOWED' | 'TABLE_UNKNOWN';

/** A statement that does not pass the gate. `offset` counts bytes of the statement from 0. */
export class Refusal extends Error {
  constructor(
    readonly code: RefusalCode,
    message: string,
    readonly at: { readonly name?: string; readonly offset?: number | undefined } = {},
  ) {
    super(message);
    this.name = 'Refusal';
  }
}

/** Refused though it parses. `name` is the offending function, table, type or clause. */
export const notAllowed = (name: string, why: string, offset?: number): Refusal =>
  new Refusal('SQL_NOT_ALLOWED', why, { name, offset });

/** Characters up to a byte offset, plus one. Undefined for places that the parser did not note. */
export function characterPosition(sql: string, offset: number | undefined): number | undefined {
  const bytes = Buffer.from(sql, 'utf8');
  if (offset === undefined || !(offset >= 0 && offset <= bytes.length)) return undefined;
  return Array.from(bytes.subarray(0, offset).toString('utf8')).length + 1;
}
