import { partsOf, type ColumnType, type TypedField } from './column-type.js';

const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A name as types and paths have it: as it is where it is plain, else as a JSON string. */
export const nameText = (name: string): string => (PLAIN_NAME.test(name) ? name : JSON.stringify(name));

/** A type in its canonical form, which `parseColumnType` reads back to the same type. */
export function typeText(type: ColumnType): string {
  if (type.kind === 'decimal') return `decimal(${type.precision},${type.scale})`;
  const parts = partsOf(type);
  if (type.kind === 'list') return `list<${parts.map(partText).join('')}>`;
  if (type.kind !== 'struct') return type.kind;
  return `struct<${parts.map((field) => `${nameText(field.name)}: ${partText(field)}`).join(', ')}>`;
}

function partText(field: TypedField): string {
  const notNull = field.nullable ? '' : ' not null';
  const filling = field.default === undefined ? '' : ` default ${JSON.stringify(field.default)}`;
  const comment = field.doc === undefined ? '' : ` comment ${JSON.stringify(field.doc)}`;
  return `${typeText(field.type)}${notNull}${filling}${comment}`;
}
