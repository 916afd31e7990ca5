/** The scalar types of a column, except decimal, which carries its precision and scale. */
export const SIMPLE_TYPES = [
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'string',
  'uuid',
  'binary',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'json',
] as const;

export type SimpleType = (typeof SIMPLE_TYPES)[number];

/**
 * Lists and structs inside each other at most, in one column. The engine's time to read a file doubles with each list
 * inside of another: 15 ms for 16, minutes for 32.
 */
export const MAX_TYPE_DEPTH = 16;

/** The name of a list's only part, in paths, field ids and Parquet files. */
export const LIST_ELEMENT = 'element';

export type ScalarType =
  | { readonly kind: SimpleType }
  /** 1 <= precision <= 38 and 0 <= scale <= precision. */
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number };

/** A type, parsed. */
export type ColumnType =
  | ScalarType
  | { readonly kind: 'list'; readonly element: TypedField }
  | { readonly kind: 'struct'; readonly fields: readonly TypedField[] };

/** What has a name and a type: a column, a field of a struct, or the element of a list. */
export interface TypedField {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** Put in where the field is absent, as JSON in the field's own type. */
  readonly default?: unknown;
  readonly doc?: string;
}

/** The parts of a nested type, in order; none of a scalar. */
export function partsOf(type: ColumnType): readonly TypedField[] {
  if (type.kind === 'struct') return type.fields;
  return type.kind === 'list' ? [type.element] : [];
}
