import { LIST_ELEMENT, type ColumnType, type TypedField } from '../../../kernel/index.js';

type Kind = ColumnType['kind'];
type Decimal = ColumnType & { readonly kind: 'decimal' };

const JSON_TYPE: ColumnType = { kind: 'json' };
const MAX_PRECISION = 38;

/** Kinds whose values are written as text: together they are strings. */
const TEXTS: readonly Kind[] = ['string', 'uuid', 'binary', 'date', 'time', 'timestamp', 'timestamptz'];

/** Pairs of numbers, the smaller kind first, that a third kind holds without loss. Decimals apart. */
const NUMBERS: { readonly [A in Kind]?: { readonly [B in Kind]?: Kind } } = {
  int: { long: 'long', float: 'double', double: 'double' },
  float: { double: 'double' },
};

/** Digits before the point that an integer type needs. */
const INTEGER_DIGITS: { readonly [K in Kind]?: number } = { int: 10, long: 19 };

/**
 * The least type that holds every value of both, json where there is none. Commutative, associative, idempotent; json
 * takes everything in. The table in `docs/schema-evolution.md` is this function.
 */
export function joinedType(a: ColumnType, b: ColumnType): ColumnType {
  if (a.kind === 'list' && b.kind === 'list') {
    return { kind: 'list', element: joinedField(a.element, b.element) };
  }
  if (a.kind === 'struct' && b.kind === 'struct') {
    return { kind: 'struct', fields: joinedFields(a.fields, b.fields) };
  }
  const [first, second] = [asDecimal(a), asDecimal(b)];
  if ((a.kind === 'decimal' || b.kind === 'decimal') && first !== undefined && second !== undefined) {
    return joinedDecimals(first, second);
  }
  if (a.kind === b.kind) return a;
  if (TEXTS.includes(a.kind) && TEXTS.includes(b.kind)) return { kind: 'string' };
  const number = NUMBERS[a.kind]?.[b.kind] ?? NUMBERS[b.kind]?.[a.kind];
  return number === undefined ? JSON_TYPE : ({ kind: number } as ColumnType);
}

/** Fields of both, those of `a` first. Names are exact; a field that one side lacks is nullable. */
export function joinedFields(a: readonly TypedField[], b: readonly TypedField[]): TypedField[] {
  const others = new Map(b.map((field) => [field.name, field]));
  const names = new Set(a.map(({ name }) => name));
  return [
    ...a.map((field) => {
      const other = others.get(field.name);
      return other === undefined ? { ...field, nullable: true } : joinedField(field, other);
    }),
    ...b.filter(({ name }) => !names.has(name)).map((field) => ({ ...field, nullable: true })),
  ];
}

/** The element of an inferred list. */
export const listElement = (type: ColumnType): TypedField => ({ name: LIST_ELEMENT, type, nullable: true });

const joinedField = (a: TypedField, b: TypedField): TypedField => ({
  ...a,
  type: joinedType(a.type, b.type),
  nullable: a.nullable || b.nullable,
});

/** The decimal that holds every value of a decimal or an integer type. */
function asDecimal(type: ColumnType): Decimal | undefined {
  if (type.kind === 'decimal') return type;
  const digits = INTEGER_DIGITS[type.kind];
  return digits === undefined ? undefined : { kind: 'decimal', precision: digits, scale: 0 };
}

function joinedDecimals(a: Decimal, b: Decimal): ColumnType {
  const scale = Math.max(a.scale, b.scale);
  const precision = Math.max(a.precision - a.scale, b.precision - b.scale) + scale;
  return precision <= MAX_PRECISION ? { kind: 'decimal', precision, scale } : JSON_TYPE;
}
