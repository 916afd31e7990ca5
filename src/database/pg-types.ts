import pg from 'pg';

/** Reads int8 as a number. Tokens and ids stay below 2^53; anything else is a fault, never rounded. */
function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`int8 ${text} is beyond 2^53`);
  return value;
}

/** The one place where the driver's parsers are set. Idempotent. */
export function registerPgTypes(): void {
  pg.types.setTypeParser(pg.types.builtins.INT8, parseInt8);
}
