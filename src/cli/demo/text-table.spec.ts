import { textTable } from './text-table.js';

describe('textTable', () => {
  it('puts numbers to the right and text to the left', () => {
    const table = textTable(
      ['name', 'count'],
      [
        ['a', 1],
        ['longer', 20_000],
      ],
    );
    expect(table.split('\n')).toEqual([
      'name   │ count',
      '───────┼──────',
      'a      │     1',
      'longer │ 20000',
    ]);
  });

  it('leaves null empty and shows nested values as JSON', () => {
    expect(textTable(['a', 'b'], [[null, { c: [1] }]])).toBe('a │ b\n──┼──────────\n  │ {"c":[1]}');
  });

  it('shows the columns of an empty answer', () => {
    expect(textTable(['a', 'bc'], [])).toBe('a │ bc\n──┼───');
  });
});
