import fc from 'fast-check';
import {
  LIST_ELEMENT,
  SIMPLE_TYPES,
  type ColumnType,
  type ScalarType,
  type TypedField,
} from '../../src/kernel/index.js';
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

/** Generated schemas with generated values, and what must come back. */

/** A value as JSON text, and what a query must answer for it. */
export interface Sample {
  readonly source: string;
  readonly expected: ResultValue;
}

/** A field that may know what its default comes back as. */
export interface SampledField extends TypedField {
  readonly filling?: Sample | undefined;
}

const quoted = (text: string): string => JSON.stringify(text);
const DAY_MICROS = 86_400_000_000n;
/** Days of the years 1 to 9999, a day off at either end for offsets. */
const DAYS = { min: -719_161, max: 2_932_895 };

const integers = (bits: bigint) => fc.bigInt({ min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n });
const specials = fc
  .constantFrom('NaN', 'Infinity', '-Infinity')
  .map((text): Sample => ({ source: quoted(text), expected: text }));
const timesOfDay = fc.oneof(
  fc.bigInt({ min: 0n, max: DAY_MICROS - 1n }),
  fc.integer({ min: 0, max: 86_399 }).map((seconds) => BigInt(seconds) * 1_000_000n),
);
const instants = fc
  .tuple(fc.integer(DAYS), timesOfDay)
  .map(([days, micros]) => BigInt(days) * DAY_MICROS + micros);

/** Any text that JSON can hold, control characters, NUL and surrogate pairs included. */
const anyTexts = fc.string({
  unit: fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    fc.constantFrom('\0', '"', '\\', '\n', '\u2028', '😀', "'", '\ufeff'),
  ),
});

/** Some of the zeros at the end of a fraction, or all, left out or added. */
const respelled = (text: string, more: boolean): string => (more ? `${text}000` : text.replace(/\.?0+$/, ''));

const decimals = (precision: number, scale: number) =>
  fc
    .bigInt({ min: -(10n ** BigInt(precision)) + 1n, max: 10n ** BigInt(precision) - 1n })
    .map((unscaled) => decimalValue(unscaled, scale));

/** `plain`: JSON that survives being read into doubles, and that the catalog can store. */
function scalarSamples(type: ScalarType, plain: boolean): fc.Arbitrary<Sample> {
  const either = fc.boolean();
  switch (type.kind) {
    case 'boolean':
      return fc.boolean().map((value) => ({ source: String(value), expected: value }));
    case 'int':
      return integers(32n).map((value) => ({ source: String(value), expected: Number(value) }));
    case 'long':
      return fc.tuple(integers(64n), either).map(([value, quote]) => ({
        source: plain || quote ? quoted(String(value)) : String(value),
        expected: integerValue(value),
      }));
    case 'float':
    case 'double': {
      const finite = { noNaN: true, noDefaultInfinity: true };
      const numbers = type.kind === 'float' ? fc.float(finite) : fc.double(finite);
      const samples = numbers.map((value): Sample => ({
        source: String(value),
        expected: doubleValue(value),
      }));
      return fc.oneof({ weight: 6, arbitrary: samples }, specials);
    }
    case 'decimal':
      return fc.tuple(decimals(type.precision, type.scale), either, either).map(([text, quote, more]) => {
        const source = type.scale === 0 ? text : respelled(text, more);
        return { source: plain || quote ? quoted(source) : source, expected: text };
      });
    case 'string': {
      const texts = plain ? fc.string({ unit: 'grapheme' }) : anyTexts;
      return texts.map((text) => ({ source: quoted(text), expected: text }));
    }
    case 'uuid':
      return fc.tuple(fc.uuid(), either).map(([id, upper]) => ({
        source: quoted(upper ? id.toUpperCase() : id),
        expected: id,
      }));
    case 'binary':
      return fc.uint8Array({ maxLength: 12 }).map((bytes) => {
        return { source: quoted(binaryValue(bytes)), expected: binaryValue(bytes) };
      });
    case 'date':
      return fc.integer(DAYS).map((days) => ({ source: quoted(dateValue(days)), expected: dateValue(days) }));
    case 'time':
      return fc.tuple(timesOfDay, either).map(([micros, more]) => {
        const text = timeValue(micros);
        return { source: quoted(respelledTime(text, more)), expected: text };
      });
    case 'timestamp':
      return fc.tuple(instants, either).map(([micros, more]) => {
        const text = timestampValue(micros);
        return { source: quoted(respelledTime(text, more)), expected: text };
      });
    case 'timestamptz':
      return fc
        .tuple(instants, either, fc.integer({ min: -1439, max: 1439 }), either)
        .map(([micros, more, minutes, epoch]) => {
          const expected = `${timestampValue(micros)}Z`;
          if (epoch && micros % 1000n === 0n) return { source: String(micros / 1000n), expected };
          const local = respelledTime(timestampValue(micros + BigInt(minutes) * 60_000_000n), more);
          return { source: quoted(local + offsetText(minutes)), expected };
        });
    case 'json': {
      const texts = plain
        ? fc.constantFrom('"x"', 'true', '5')
        : fc.oneof(
            fc.json({ stringUnit: 'binary' }).map((text) => JSON.stringify(JSON.parse(text))),
            fc.constantFrom('{"n":[12345678901234567890.50,-0.1000000000000000055]}', '"null"'),
          );
      // Null is null of the column, not of its JSON.
      return texts
        .map((text) => ({ source: text, expected: text }))
        .filter(({ source }) => source !== 'null');
    }
  }
}

function respelledTime(text: string, more: boolean): string {
  const [clock = '', fraction = ''] = text.split('.');
  if (more) return `${text}00`;
  const digits = fraction.replace(/0+$/, '');
  return digits === '' ? clock : `${clock}.${digits}`;
}

function offsetText(minutes: number): string {
  if (minutes === 0) return 'Z';
  const two = (n: number) => String(n).padStart(2, '0');
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** Values of a type. */
export function samplesOf(type: ColumnType, plain: boolean): fc.Arbitrary<Sample> {
  if (type.kind === 'list') {
    return fc.array(presentSamples(type.element, plain), { maxLength: 4 }).map((items) => ({
      source: `[${items.map(({ source }) => source).join(',')}]`,
      expected: items.map(({ expected }) => expected),
    }));
  }
  return type.kind === 'struct' ? structSamples(type.fields, plain) : scalarSamples(type, plain);
}

/** Objects that have some of the fields, in any order that the generator likes. */
export function structSamples(fields: readonly SampledField[], plain: boolean): fc.Arbitrary<Sample> {
  return fc.tuple(...fields.map((field) => fieldSamples(field, plain))).map((samples) => {
    const members = samples.flatMap((sample, i) =>
      sample === undefined ? [] : [`${quoted(fields[i]?.name ?? '')}:${sample.source}`],
    );
    const expected = Object.fromEntries(
      fields.map((field, i) => [field.name, (samples[i] ?? field.filling)?.expected ?? null]),
    );
    return { source: `{${members.join(',')}}`, expected };
  });
}

const NULL: Sample = { source: 'null', expected: null };

function presentSamples(field: TypedField, plain: boolean): fc.Arbitrary<Sample> {
  const samples = samplesOf(field.type, plain);
  return field.nullable ? fc.oneof({ weight: 5, arbitrary: samples }, fc.constant(NULL)) : samples;
}

/** Undefined is an absent field. */
function fieldSamples(field: SampledField, plain: boolean): fc.Arbitrary<Sample | undefined> {
  const present = presentSamples(field, plain);
  const mayLack = field.nullable || field.filling !== undefined;
  return mayLack ? fc.oneof({ weight: 5, arbitrary: present }, fc.constant(undefined)) : present;
}

/** Names that are allowed, most of them odd. */
export const COLUMN_NAMES = [
  'plain',
  'Größe',
  'a b',
  '"quoted"',
  "o'clock",
  'a.b',
  '{}',
  '\\',
  'constructor',
  '😀',
  'x'.repeat(128),
  '1',
  '%',
  '$a',
  'select',
];
/** Words of the engine and of the statements that are made for it. */
const PART_NAMES = [...COLUMN_NAMES, '_id', LIST_ELEMENT, 'list', 'item_0', 'd', 'p', '__typename'];

const scalarTypes: fc.Arbitrary<ScalarType> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...SIMPLE_TYPES).map((kind): ScalarType => ({ kind })) },
  fc
    .integer({ min: 1, max: 38 })
    .chain((precision) =>
      fc
        .integer({ min: 0, max: precision })
        .map((scale): ScalarType => ({ kind: 'decimal', precision, scale })),
    ),
);

const { type: types } = fc.letrec<{ type: ColumnType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 4, depthSize: 'medium', withCrossShrink: true },
    { weight: 3, arbitrary: scalarTypes },
    fc.tuple(tie('type'), fc.boolean()).map(([type, nullable]): ColumnType => {
      return { kind: 'list', element: { name: LIST_ELEMENT, type, nullable } };
    }),
    fieldsOf(PART_NAMES, tie('type'), 3).map((fields): ColumnType => ({ kind: 'struct', fields })),
  ),
}));

/** One to `max` fields of other names. In structs only scalars have defaults: types have no literals of others. */
function fieldsOf(
  names: readonly string[],
  type: fc.Arbitrary<ColumnType>,
  max: number,
): fc.Arbitrary<SampledField[]> {
  return fc
    .uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: max })
    .chain((chosen) => fc.tuple(...chosen.map((name) => fieldOf(name, type, names === COLUMN_NAMES))));
}

function fieldOf(
  name: string,
  types: fc.Arbitrary<ColumnType>,
  isColumn: boolean,
): fc.Arbitrary<SampledField> {
  return fc.tuple(types, fc.boolean(), fc.integer({ min: 0, max: 3 })).chain(([type, nullable, dice]) => {
    const mayDefault = dice === 0 && (isColumn || (type.kind !== 'list' && type.kind !== 'struct'));
    if (!mayDefault) return fc.constant({ name, type, nullable });
    return samplesOf(type, true).map((filling) => {
      const value: unknown = JSON.parse(filling.source);
      return { name, type, nullable, default: value, filling };
    });
  });
}

/** The columns of a table. */
export const schemas: fc.Arbitrary<SampledField[]> = fieldsOf(COLUMN_NAMES, types, 6);
