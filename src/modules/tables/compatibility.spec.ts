import type { Column } from '../../kernel/index.js';
import { COMPATIBILITY_MODES, incompatibilities, type CompatibilityRule } from './compatibility.js';

const column = (id: number, more: Partial<Column> = {}): Column => ({
  id,
  name: `c${id}`,
  type: 'int',
  nullable: true,
  ...more,
});

const required = column(5, { nullable: false, default: 0 });
const optional = column(6);

/** The changed columns, and what refuses them in the mode backward, and in forward. */
const changes: [string, Column[], CompatibilityRule[], CompatibilityRule[]][] = [
  ['nothing', [required, optional], [], []],
  ['another order', [optional, required], [], []],
  ['a new column', [required, optional, column(7)], [], []],
  ['a doc', [required, { ...optional, doc: 'new' }], [], []],
  ['a new default', [required, { ...optional, default: 3 }], [], []],
  ['another default', [{ ...required, default: 3 }, optional], [], []],
  ['no default of a nullable column', [required, column(6)], [], []],
  ['a column dropped', [required], ['column_dropped'], ['column_dropped']],
  [
    'a column dropped and its name taken by another',
    [required, column(7, { name: 'c6' })],
    ['column_dropped'],
    ['column_dropped'],
  ],
  ['a new name', [required, { ...optional, name: 'n' }], ['column_renamed'], ['column_renamed']],
  ['another case', [required, { ...optional, name: 'C6' }], ['column_renamed'], ['column_renamed']],
  ['a wider type', [required, { ...optional, type: 'long' }], [], ['type_widened']],
  ['null where it was refused', [{ ...required, nullable: true }, optional], [], ['null_allowed']],
  ['no default of a required column', [column(5, { nullable: false }), optional], ['default_removed'], []],
];

describe('incompatibilities', () => {
  it.each(changes)('%s', (_, after, backward, forward) => {
    const rules = Object.fromEntries(
      COMPATIBILITY_MODES.map((mode) => [
        mode,
        incompatibilities([required, optional], after, mode).map(({ rule }) => rule),
      ]),
    );
    expect(rules).toEqual({
      none: [],
      backward,
      forward,
      full: [...new Set([...backward, ...forward])],
    });
  });

  it('names every column by the name that it had', () => {
    const found = incompatibilities([required, optional], [{ ...required, name: 'x' }], 'full');
    expect(found.map(({ column: name, rule }) => [name, rule])).toEqual([
      ['c5', 'column_renamed'],
      ['c6', 'column_dropped'],
    ]);
  });

  it('judges parts of nested columns by their paths, and not those whose whole is gone', () => {
    const nested = (...fields: Column[]) => [column(5, { type: 'struct', fields }), optional];
    const before = nested(column(7), column(8, { type: 'list', fields: [column(9)] }));
    expect(
      incompatibilities(
        before,
        nested(
          column(7, { name: 'x' }),
          column(8, { type: 'list', fields: [column(9, { type: 'long' })] }),
          column(10),
        ),
        'full',
      ).map(({ column: path, rule }) => [path, rule]),
    ).toEqual([
      ['c5.c7', 'column_renamed'],
      ['c5.c8.c9', 'type_widened'],
    ]);
    expect(incompatibilities(before, nested(column(7)), 'full')).toEqual([
      expect.objectContaining({ column: 'c5.c8', rule: 'column_dropped' }),
    ]);
    expect(incompatibilities(before, [optional], 'backward')).toEqual([
      expect.objectContaining({ column: 'c5', rule: 'column_dropped' }),
    ]);
  });
});
