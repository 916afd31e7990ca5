import { parseColumnType, type Column } from '../../kernel/index.js';
import { shownName, shownNames, type DefinitionFault } from './definition-fault.js';

/** Columns of one key at most. */
export const MAX_KEY_COLUMNS = 16;

/**
 * Kinds whose values are equal only where they are the same value: no float, whose zero has two signs and whose NaN
 * equals nothing, and nothing that is nested or free in form.
 */
const KEY_KINDS: ReadonlySet<string> = new Set([
  'boolean',
  'int',
  'long',
  'decimal',
  'string',
  'uuid',
  'binary',
  'date',
  'time',
  'timestamp',
  'timestamptz',
]);

/** True where a column of the type may be part of a key. */
export const isKeyType = (type: string): boolean => KEY_KINDS.has(parseColumnType(type)?.kind ?? '');

/** A column that may come into a key, as a client defines it. */
interface Candidate {
  readonly name: string;
  readonly type: string;
  readonly nullable?: boolean | null | undefined;
}

/** Every rule that the key breaks. Columns that are wrong themselves are for others to name. */
export function faultsOfKey(
  columns: readonly Candidate[] | undefined,
  key: readonly string[],
): DefinitionFault[] {
  if (columns === undefined) {
    const message =
      'needs a schema that has its columns: a table that takes its schema from its events has no key';
    return key.length === 0 ? [] : [{ path: '$.primary_key_cols', message }];
  }
  if (key.length > MAX_KEY_COLUMNS) {
    return [{ path: '$.primary_key_cols', message: `must name ${MAX_KEY_COLUMNS} columns at most` }];
  }
  return key.flatMap((name, place) => {
    const fault = faultOfKeyColumn(columns, key, name, place);
    return fault === undefined ? [] : [{ path: `$.primary_key_cols[${place}]`, column: name, ...fault }];
  });
}

/** A column of the key holds no null, whether or not its definition says so. */
export function withKeyRequired(columns: readonly Column[], key: readonly string[]): Column[] {
  return columns.map((column) => (key.includes(column.name) ? { ...column, nullable: false } : column));
}

/** Field ids of the key's columns, in the key's order. */
export const keyIdsOf = (columns: readonly Column[], key: readonly string[]): number[] =>
  key.flatMap((name) => columns.find((column) => column.name === name)?.id ?? []);

/** The key's columns as a schema version names them, in the key's order. */
export const keyColumnsOf = (columns: readonly Column[], keyIds: readonly number[]): Column[] =>
  keyIds.flatMap((id) => columns.find((column) => column.id === id) ?? []);

function faultOfKeyColumn(
  columns: readonly Candidate[],
  key: readonly string[],
  name: string,
  place: number,
): Pick<DefinitionFault, 'message' | 'allowed'> | undefined {
  const column = columns.find((candidate) => candidate.name === name);
  if (column === undefined) {
    const allowed = shownNames(columns.filter(({ type }) => isKeyType(type)));
    return { message: `there is no column "${shownName(name)}"`, allowed };
  }
  if (key.indexOf(name) < place) return { message: `"${name}" is in the key already` };
  if (column.nullable === true) {
    return { message: `column "${name}" is in the key and cannot be nullable`, allowed: ['nullable: false'] };
  }
  if (parseColumnType(column.type) === undefined || isKeyType(column.type)) return undefined;
  const message = `column "${name}" is ${column.type.slice(0, 64)}; a key may have ${[...KEY_KINDS].join(', ')}`;
  return { message, allowed: [...KEY_KINDS] };
}
