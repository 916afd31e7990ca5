import type { Column } from '../../kernel/index.js';
import { needsLayout } from './file-layout.js';

const field = (id: number, name: string, more: Partial<Column> = {}): Column => ({
  id,
  name,
  type: 'int',
  nullable: true,
  ...more,
});
const struct = (id: number, ...fields: Column[]) => field(id, 'c', { type: 'struct', fields });
const list = (id: number, element: Column) => field(id, 'c', { type: 'list', fields: [element] });

describe('needsLayout', () => {
  it.each<[string, Column, Column, boolean]>([
    ['the same', struct(5, field(6, 'a')), struct(5, field(6, 'a')), false],
    ['a column renamed', field(5, 'a'), field(5, 'b'), false],
    ['a wider part', struct(5, field(6, 'a')), struct(5, field(6, 'a', { type: 'long' })), false],
    ['a new part', struct(5, field(6, 'a')), struct(5, field(7, 'b'), field(6, 'a')), false],
    ['a part dropped', struct(5, field(6, 'a'), field(7, 'b')), struct(5, field(7, 'b')), false],
    [
      'a part renamed',
      struct(5, field(6, 'a'), field(7, 'b')),
      struct(5, field(6, 'x'), field(7, 'b')),
      true,
    ],
    [
      'a name used again',
      struct(5, field(6, 'a'), field(7, 'b')),
      struct(5, field(8, 'a'), field(7, 'b')),
      true,
    ],
    [
      'a name used again in another case',
      struct(5, field(6, 'a'), field(7, 'b')),
      struct(5, field(8, 'A'), field(7, 'b')),
      true,
    ],
    ['a part in another case', struct(5, field(6, 'a')), struct(5, field(6, 'A')), false],
    ['a part in another case, beyond ASCII', struct(5, field(6, 'é')), struct(5, field(6, 'É')), true],
    ['all parts replaced', struct(5, field(6, 'a')), struct(5, field(7, 'b')), true],
    [
      'a part of an element renamed',
      list(5, struct(6, field(7, 'a'))),
      list(5, struct(6, field(7, 'x'))),
      true,
    ],
    ['another column', struct(5, field(6, 'a')), struct(9, field(6, 'x')), false],
    [
      'what it was before',
      struct(5, field(6, 'a')),
      field(9, 'c', { type: 'json', formerIds: [5], former: [struct(5, field(6, 'x'))] }),
      true,
    ],
  ])('%s', (_, file, table, expected) => {
    expect(needsLayout([file], [table])).toBe(expected);
  });
});
