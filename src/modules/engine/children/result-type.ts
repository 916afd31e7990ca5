import {
  DuckDBArrayType,
  DuckDBDecimalType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api';
import { nameText } from '../../../kernel/type-text.js';
import { FaultError } from './protocol.js';

const NAMES: Readonly<Partial<Record<DuckDBTypeId, string>>> = {
  [DuckDBTypeId.TINYINT]: 'int',
  [DuckDBTypeId.SMALLINT]: 'int',
  [DuckDBTypeId.INTEGER]: 'int',
  [DuckDBTypeId.UTINYINT]: 'int',
  [DuckDBTypeId.USMALLINT]: 'int',
  [DuckDBTypeId.UINTEGER]: 'long',
  [DuckDBTypeId.BIGINT]: 'long',
  [DuckDBTypeId.ENUM]: 'string',
  [DuckDBTypeId.BLOB]: 'binary',
  [DuckDBTypeId.TIMESTAMP_S]: 'timestamp',
  [DuckDBTypeId.TIMESTAMP_MS]: 'timestamp',
  [DuckDBTypeId.TIMESTAMP_TZ]: 'timestamptz',
  [DuckDBTypeId.SQLNULL]: 'null',
};

/** The type of a result's column in the words of a table's schema, where it has one. */
export function typeName(type: DuckDBType): string {
  if (type.typeId === DuckDBTypeId.VARCHAR) return type.alias === 'JSON' ? 'json' : 'string';
  if (type instanceof DuckDBDecimalType) return `decimal(${type.width},${type.scale})`;
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType)
    return `list<${typeName(type.valueType)}>`;
  if (type instanceof DuckDBMapType) return `map<${typeName(type.keyType)}, ${typeName(type.valueType)}>`;
  if (type instanceof DuckDBStructType) return structName(type);
  return NAMES[type.typeId] ?? DuckDBTypeId[type.typeId].toLowerCase();
}

function structName(type: DuckDBStructType): string {
  const names = type.entryNames;
  if (names.includes('') || names.includes('__proto__')) {
    throw new FaultError({
      kind: 'sql',
      message:
        "a struct in the result has a field without a name, or one of a reserved name: write {'name': value}",
    });
  }
  return `struct<${names.map((name, index) => `${nameText(name)}: ${fieldType(type, index)}`).join(', ')}>`;
}

function fieldType(type: DuckDBStructType, index: number): string {
  const field = type.entryTypes[index];
  return field === undefined ? 'null' : typeName(field);
}
