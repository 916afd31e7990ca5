import type { Column } from '../../../kernel/columns.js';
import { columnStatsOf } from './write-stats.js';

const column = (type: string, name = 'c'): Column => ({ id: 5, name, type, nullable: true });

/** The statistics of one column whose values have these bounds. */
function boundsOf(type: string, min: string, max: string) {
  const raw = new Map([['"c"', new Map(Object.entries({ min, max, null_count: '0' }))]]);
  const stats = columnStatsOf([column(type)], raw, true)['5'];
  return [stats?.min, stats?.max];
}

describe('the bounds of strings', () => {
  it('are those of the values where they hold no NUL', () => {
    expect(boundsOf('string', 'a', '\ud7ff')).toEqual(['a', '\ud7ff']);
  });

  it.each([
    ['the next character', 'ab\0c', 'ac'],
    ['the next character, whatever comes later', 'ab\0\u{10ffff}\0', 'ac'],
    ['no surrogate', 'a\ud7ff\0', 'a\ue000'],
    ['a character of four bytes', 'a\uffff\0', 'a\u{10000}'],
    ['the one before where the last is the highest', 'ab\u{10ffff}\u{10ffff}\0', 'ac'],
    ['nothing where all are the highest', '\u{10ffff}\0', null],
    ['nothing where there is no character', '\0a', null],
  ])('end before NUL, and the maximum is raised to %s', (_, text, max) => {
    const [before] = text.split('\0');
    expect(boundsOf('string', text, text)).toEqual([before, max]);
  });
});

describe('the count of NaN', () => {
  const floats = column('double');
  const list = { ...column('list<double>'), fields: [{ ...floats, id: 6, name: 'element' }] };
  const struct = { ...column('struct<f: double>'), fields: [{ ...floats, id: 6, name: 'f' }] };
  const without = new Map(Object.entries({ min: '1.0', max: '2.0', null_count: '0', has_nan: 'false' }));
  const countOf = (of: Column, key: string, oneRowGroup: boolean, raw = without) =>
    Object.values(columnStatsOf([of], new Map([[key, raw]]), oneRowGroup))[0]?.nanCount;

  it('is 0 where the engine says that there is none', () => {
    expect(countOf(floats, '"c"', true)).toBe(0);
    expect(countOf(struct, '"c"."f"', true)).toBe(0);
  });

  it('is not known of several row groups, of what is in a list, or where there is some', () => {
    expect(countOf(floats, '"c"', false)).toBeUndefined();
    expect(countOf(list, '"c"."element"', true)).toBeUndefined();
    expect(countOf(floats, '"c"', true, new Map(without).set('has_nan', 'true'))).toBeUndefined();
  });

  it('is none of other types', () => {
    expect(countOf(column('long'), '"c"', true)).toBeUndefined();
  });
});
