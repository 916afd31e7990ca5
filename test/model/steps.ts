import fc from 'fast-check';
import type { Evolution, Mode, Op } from './calls.js';

/*
 * A step names tables, columns and values by numbers, which are read against what the program has come to. So a program
 * keeps its sense when steps are taken out of it, and fast-check can shrink it freely.
 */

/** Names that tables share; few, so that they are taken, renamed to, and taken again. */
export const TABLE_NAMES = ['a', 'b', 'c'] as const;

const small = fc.nat({ max: 7 });
const nullOr = fc.option(small, { freq: 8 });
const rarely = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof(
    { withCrossShrink: true },
    { weight: 9, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary },
  );

const column = fc.record({
  name: small,
  type: fc.nat({ max: 60 }),
  required: fc.boolean(),
  filling: fc.option(small, { freq: 2, nil: undefined }),
});
export type ColumnStep = typeof column extends fc.Arbitrary<infer T> ? T : never;

const row = fc.record({
  /** By column; absent beyond the end. */
  values: fc.array(nullOr, { maxLength: 6, size: 'max' }),
  /** Fields of any type, in a table that learns. */
  learnt: fc.array(fc.record({ name: small, value: fc.nat({ max: 60 }) }), { maxLength: 4, size: 'max' }),
  time: fc.option(small, { freq: 2, nil: undefined }),
  /** Of a table that has a key. */
  op: fc.constantFrom<Op[]>('upsert', 'insert', 'delete'),
  /** Without a key of its own, where the request has one. */
  covered: fc.boolean(),
});
export type RowStep = typeof row extends fc.Arbitrary<infer T> ? T : never;

const table = fc.nat({ max: TABLE_NAMES.length - 1 });
const mode = fc.constantFrom<Mode[]>('none', 'backward', 'forward', 'full');
const evolution = fc.constantFrom<Evolution[]>('evolve', 'evolve', 'strict');

/** Seldom enough not to take all the time. */
const seldom = fc.oneof(
  { weight: 15, arbitrary: fc.constant(false) },
  { weight: 1, arbitrary: fc.constant(true) },
);

const layout = fc.record({
  partitions: fc.option(fc.array(fc.record({ column: small, transform: small }), { maxLength: 2 }), {
    freq: 3,
    nil: undefined,
  }),
  sort: fc.option(
    fc.array(fc.record({ column: small, direction: fc.constantFrom('asc' as const, 'desc' as const) }), {
      maxLength: 2,
    }),
    { freq: 2, nil: undefined },
  ),
});
export type LayoutStep = typeof layout extends fc.Arbitrary<infer T> ? T : never;

/** Which part of a nested column is meant; the column itself where it is absent. */
const part = fc.option(small, { freq: 2, nil: undefined });

const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('add' as const), column, under: part }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('drop' as const), at: small, part }) },
  // Its values must not show in the column that takes its place.
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('replace' as const), column, alike: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('rename' as const), at: small, part, name: small }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('widen' as const), at: small, part, to: small }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('nullable' as const), at: small, part, nullable: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('default' as const), at: small, part, filling: nullOr }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('move' as const), at: small, part, after: nullOr }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('rename_table' as const), name: table }) },
);
export type ChangeStep = typeof change extends fc.Arbitrary<infer T> ? T : never;

const create = fc.record({
  do: fc.constant('create' as const),
  name: table,
  columns: fc.array(column, { minLength: 1, maxLength: 4, size: 'max' }),
  /** How many of its columns are the key, as far as their types may be. */
  key: fc.constantFrom(0, 1, 0, 2),
  /** Without columns: the first events say. */
  learns: fc.constantFrom(false, false, false, true),
  mode: rarely(mode),
  evolution: fc.option(evolution, { freq: 2, nil: undefined }),
  layout: fc.option(layout, { freq: 2, nil: undefined }),
});

/** What is out of the ordinary with a write. */
export type Odd = 'twice' | 'unknown' | 'misfit' | 'null' | 'op';

const write = fc.record({
  do: fc.constant('write' as const),
  table,
  rows: fc.array(row, { minLength: 1, maxLength: 6, size: 'max' }),
  burst: seldom,
  /** Where its table learns: all rows bring these values by turns to one column, and no other field. */
  lesson: fc.option(
    fc.record({
      column: small,
      of: small,
      values: fc.array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 2 }),
    }),
    { freq: 2, nil: undefined },
  ),
  requestKey: fc.boolean(),
  wait: fc.boolean(),
  odd: rarely(fc.constantFrom<Odd[]>('twice', 'unknown', 'misfit', 'null', 'op')),
});

const step = fc.oneof(
  { weight: 9, arbitrary: write },
  { weight: 2, arbitrary: create },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('repeat' as const),
      write: small,
      more: fc.array(row, { maxLength: 2 }),
      altered: rarely(fc.constant(true)),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('alter' as const),
      table,
      changes: fc.array(change, { minLength: 1, maxLength: 3, size: 'max' }),
      mode: rarely(mode),
      evolution: rarely(evolution),
      layout: rarely(layout),
      version: rarely(fc.constantFrom('current' as const, 'stale' as const)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), table }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('undrop' as const), name: table, as: rarely(table) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('look' as const),
      table,
      at: fc.constantFrom('token' as const, 'latest' as const, 'known' as const),
      known: small,
    }),
  },
);
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
export type StepOf<D extends Step['do']> = Extract<Step, { do: D }>;

const MAX_STEPS = 16;

export type LessonStep = NonNullable<StepOf<'write'>['lesson']>;

/** Begins with a table, so that there is something to do. */
export const programs: fc.Arbitrary<Step[]> = fc
  .tuple(create, fc.array(step, { minLength: 1, maxLength: MAX_STEPS, size: 'max' }))
  .map(([first, steps]) => [first, ...steps]);
