import {
  BIGINT,
  BLOB,
  type DuckDBConnection,
  DuckDBScalarFunction,
  HUGEINT,
  INTEGER,
} from '@duckdb/node-api';
import type { DuckDBBlobValue, DuckDBType } from '@duckdb/node-api';
import { hashBytes, hashLong, hashUnscaled } from '../../../kernel/iceberg-hash.js';

/** Iceberg's hash as functions of SQL, by the form of what they take. DuckDB has none of its own. */
export const HASH_FUNCTIONS = {
  long: 'tidemark_hash_long',
  bytes: 'tidemark_hash_bytes',
  unscaled: 'tidemark_hash_unscaled',
} as const;

export function registerHashFunctions(connection: DuckDBConnection): void {
  register(connection, HASH_FUNCTIONS.long, BIGINT, (value) => hashLong(value as bigint));
  register(connection, HASH_FUNCTIONS.bytes, BLOB, (value) => hashBytes((value as DuckDBBlobValue).bytes));
  register(connection, HASH_FUNCTIONS.unscaled, HUGEINT, (value) => hashUnscaled(value as bigint));
}

function register(
  connection: DuckDBConnection,
  name: string,
  takes: DuckDBType,
  hash: (value: unknown) => number,
): void {
  const hashFunction = DuckDBScalarFunction.create({
    name,
    parameterTypes: [takes],
    returnType: INTEGER,
    mainFunction: (_info, chunk, output) => {
      const values = chunk.getColumnVector(0);
      for (let row = 0; row < chunk.rowCount; row++) {
        const value: unknown = values.getItem(row);
        output.setItem(row, value === null ? null : hash(value));
      }
      output.flush();
    },
  });
  connection.registerScalarFunction(hashFunction);
}
