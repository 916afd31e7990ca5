import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import type { QueryParameter, QueryParameters, TypedParameter } from '../query-engine.js';
import { partsOf } from '../../../kernel/column-type.js';
import { parameterType } from '../parameter-type.js';
import { fromText, parameterJsonType } from './column-sql.js';
import { FaultError } from './protocol.js';

/** Binds every parameter of the statement; refuses missing and needless ones. */
export async function bindParameters(
  connection: DuckDBConnection,
  prepared: DuckDBPreparedStatement,
  params: QueryParameters,
): Promise<void> {
  const given = new Map<string, QueryParameter>(
    Array.isArray(params)
      ? (params as QueryParameter[]).map((value, index) => [String(index + 1), value])
      : Object.entries(params),
  );
  for (let index = 1; index <= prepared.parameterCount; index += 1) {
    const name = prepared.parameterName(index);
    const value = given.get(name);
    if (value === undefined) throw wrong(name, 'the statement has a parameter that is not given');
    given.delete(name);
    await bindOne(connection, prepared, index, name, value);
  }
  const [needless] = given.keys();
  if (needless !== undefined) throw wrong(needless, 'the statement has no such parameter');
}

async function bindOne(
  connection: DuckDBConnection,
  prepared: DuckDBPreparedStatement,
  index: number,
  name: string,
  value: QueryParameter,
): Promise<void> {
  if (value === null) return prepared.bindNull(index);
  if (typeof value === 'boolean') return prepared.bindBoolean(index, value);
  if (typeof value === 'string') return prepared.bindVarchar(index, value);
  if (typeof value === 'number') {
    return Number.isSafeInteger(value)
      ? prepared.bindBigInt(index, BigInt(value))
      : prepared.bindDouble(index, value);
  }
  const typed = await convert(connection, name, value);
  prepared.bindValue(index, typed.value, typed.type);
}

/** DuckDB itself makes the typed value, so that text and numbers are read as in SQL. */
async function convert(
  connection: DuckDBConnection,
  name: string,
  { type, value }: TypedParameter,
): Promise<{ value: DuckDBValue; type: DuckDBType }> {
  const target = parameterType(type);
  if (target === undefined) throw wrong(name, `there is no type ${type}`);
  const isNested = partsOf(target).length > 0;
  const text = value === null ? null : isNested || typeof value !== 'string' ? JSON.stringify(value) : value;
  const sent = isNested ? `CAST(CAST($1 AS JSON) AS ${parameterJsonType(target)})` : 'CAST($1 AS VARCHAR)';
  const select = `SELECT ${fromText(target, sent)}`;
  try {
    const reader = await connection.runAndReadAll(select, [text]);
    return { value: reader.getRows()[0]?.[0] ?? null, type: reader.columnType(0) };
  } catch (error) {
    throw wrong(name, `the value is not a ${type}`, error);
  }
}

function wrong(name: string, why: string, cause?: unknown): FaultError {
  const fault = new FaultError({
    kind: 'parameter',
    message: `parameter ${name}: ${why}`,
    details: { parameter: name },
  });
  fault.cause = cause;
  return fault;
}
