import { FIRST_USER_FIELD_ID, partsOf, type Column, type TypedField } from '../../kernel/index.js';

/** Columns of new fields, with ids from `firstId` on: a column before its parts, and those before the next column. */
export function withFieldIds(
  fields: readonly TypedField[],
  firstId: number = FIRST_USER_FIELD_ID,
): readonly Column[] {
  let next = firstId;
  const columnOf = ({ type, name, nullable, default: filling, doc }: TypedField): Column => {
    const id = next++;
    const parts = partsOf(type).map(columnOf);
    return {
      id,
      name,
      type: type.kind === 'decimal' ? `decimal(${type.precision},${type.scale})` : type.kind,
      nullable,
      ...(filling !== undefined && { default: filling }),
      ...(doc !== undefined && { doc }),
      ...(parts.length > 0 && { fields: parts }),
    };
  };
  return fields.map(columnOf);
}

/** The highest field id in use, those of nested parts included. */
export function lastFieldId(columns: readonly Column[]): number {
  return columns.reduce((last, { id, fields = [] }) => Math.max(last, id, lastFieldId(fields)), 0);
}

/** How many columns there are, the parts of nested ones included. */
export function countFields(columns: readonly Column[]): number {
  return columns.reduce((count, { fields = [] }) => count + 1 + countFields(fields), 0);
}
