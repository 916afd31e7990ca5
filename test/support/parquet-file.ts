import { readFile } from 'node:fs/promises';
import { zstdDecompressSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects, type SchemaElement } from 'hyparquet';
import { type Column, columnType, type ColumnType, typeText } from '../../src/kernel/index.js';
import type { ResultValue } from '../../src/modules/engine/index.js';
import {
  binaryValue,
  dateValue,
  decimalValue,
  doubleValue,
  integerValue,
  timestampValue,
  timeValue,
} from './exact-values.js';

/** A Parquet file as a reader sees it that shares nothing with the engine that wrote it. */

/** A column of the file's own schema, with its type in our words. */
export interface FileColumn {
  readonly id: number | undefined;
  readonly name: string;
  readonly type: string;
  readonly fields?: readonly FileColumn[];
}

export interface ParquetFile {
  readonly columns: readonly FileColumn[];
  /** By column; values in the JSON mapping of results. */
  readonly rows: readonly Readonly<Record<string, ResultValue>>[];
}

/** What `ParquetFile.columns` must be for a schema. */
export const fileColumnOf = ({ id, name, type, fields }: Column): FileColumn => ({
  id,
  name,
  type,
  ...(fields !== undefined && { fields: fields.map(fileColumnOf) }),
});

/** Reads the file's schema, and its rows as values of `columns`. */
export async function readParquetFile(path: string, columns: readonly Column[]): Promise<ParquetFile> {
  const bytes = await readFile(path);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const metadata = parquetMetadata(buffer);
  const fileColumns = columnsOf(metadata.schema);
  // Without annotations the reader answers what is stored: it would round decimals and times.
  for (const element of metadata.schema) {
    if (element.type === undefined) continue;
    delete element.converted_type;
    delete element.logical_type;
  }
  const file = {
    byteLength: buffer.byteLength,
    slice: (start: number, end?: number) => buffer.slice(start, end),
  };
  const compressors = { ZSTD: (input: Uint8Array) => new Uint8Array(zstdDecompressSync(input)) };
  const rows = await parquetReadObjects({ file, metadata, compressors, utf8: false });
  const types = columns.map((column) => [column.name, columnType(column)] as const);
  return {
    columns: fileColumns,
    rows: rows.map((row) =>
      Object.fromEntries(types.map(([name, type]) => [name, valueOf(type, row[name])])),
    ),
  };
}

/** The elements are the schema tree, each before its children; the first is the root. */
function columnsOf(elements: readonly SchemaElement[]): FileColumn[] {
  let next = 0;
  const take = (): SchemaElement => {
    const element = elements[next++];
    if (element === undefined) throw new Error('the schema ends early');
    return element;
  };
  const read = (): FileColumn => {
    const element = take();
    const { field_id: id, name, num_children: count = 0 } = element;
    if (count === 0) return { id, name, type: scalarOf(element) };
    const isList = element.converted_type === 'LIST';
    if (isList && take().repetition_type !== 'REPEATED')
      throw new Error(`the list ${name} has no repeated group`);
    return { id, name, type: isList ? 'list' : 'struct', fields: Array.from({ length: count }, read) };
  };
  const root = take();
  return Array.from({ length: root.num_children ?? 0 }, read);
}

function scalarOf(element: SchemaElement): string {
  const { type, type_length: length, converted_type: converted, logical_type: logical } = element;
  if (converted === 'DECIMAL') return `decimal(${element.precision},${element.scale ?? 0})`;
  if (type === 'FIXED_LEN_BYTE_ARRAY' && length === 16 && logical?.type === 'UUID') return 'uuid';
  if (logical?.type === 'TIMESTAMP' && logical.unit === 'MICROS') {
    return logical.isAdjustedToUTC ? 'timestamptz' : 'timestamp';
  }
  const known: Readonly<Record<string, string>> = {
    BOOLEAN: 'boolean',
    'INT32 INT_32': 'int',
    'INT64 INT_64': 'long',
    FLOAT: 'float',
    DOUBLE: 'double',
    'BYTE_ARRAY UTF8': 'string',
    BYTE_ARRAY: 'binary',
    'INT32 DATE': 'date',
    'INT64 TIME_MICROS': 'time',
    'BYTE_ARRAY JSON': 'json',
  };
  const stored = converted === undefined ? String(type) : `${type} ${converted}`;
  return known[stored] ?? `unknown ${stored}`;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function valueOf(type: ColumnType, stored: unknown): ResultValue {
  if (stored === null || stored === undefined) return null;
  switch (type.kind) {
    case 'list':
      return (stored as unknown[]).map((item) => valueOf(type.element.type, item));
    case 'struct': {
      const members = stored as Record<string, unknown>;
      return Object.fromEntries(
        type.fields.map((field) => [field.name, valueOf(field.type, members[field.name])]),
      );
    }
    case 'decimal':
      return decimalValue(unscaledOf(stored), type.scale);
    case 'long':
      return integerValue(stored as bigint);
    case 'float':
    case 'double':
      return doubleValue(stored as number);
    case 'string':
    case 'json':
      return UTF8.decode(stored as Uint8Array);
    case 'uuid':
      return Buffer.from(stored as Uint8Array)
        .toString('hex')
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    case 'binary':
      return binaryValue(stored as Uint8Array);
    case 'date':
      return dateValue(stored as number);
    case 'time':
      return timeValue(stored as bigint);
    case 'timestamp':
      return timestampValue(stored as bigint);
    case 'timestamptz':
      return `${timestampValue(stored as bigint)}Z`;
    case 'boolean':
    case 'int':
      return stored as boolean | number;
    default:
      throw new Error(`no values of ${typeText(type)}`);
  }
}

/** Big-endian two's complement where it is bytes. */
function unscaledOf(stored: unknown): bigint {
  if (!(stored instanceof Uint8Array)) return BigInt(stored as number | bigint);
  return BigInt.asIntN(stored.length * 8, BigInt(`0x${Buffer.from(stored).toString('hex')}`));
}
