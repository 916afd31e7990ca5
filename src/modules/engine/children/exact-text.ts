import { createRequire } from 'node:module';

/** The part of DuckDB's binding that turns the bytes of text into strings. */
interface DataAccessors {
  textDecoder: unknown;
}

/**
 * Has the binding keep a byte order mark (U+FEFF) at the beginning of a text. Its decoder takes it for a mark of the
 * encoding and drops it, so that a value would come back shorter than it is stored.
 */
export function keepByteOrderMarks(): void {
  const require = createRequire(import.meta.url);
  const accessors = require('@duckdb/node-api/lib/vectors/dataAccessors.js') as DataAccessors;
  if (!(accessors.textDecoder instanceof TextDecoder))
    throw new Error('the binding decodes text in another way');
  accessors.textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
}
