import { AppError } from '../../kernel/index.js';
import { defineTable, MAX_COLUMNS, type ColumnRequest } from './table-definition.js';

const define = (columns: ColumnRequest[], tableName = 'orders') => defineTable({ tableName, columns });
function pathsOf(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return (error.context.violations as { path: string }[]).map((v) => v.path);
    throw error;
  }
  return [];
}

describe('defineTable', () => {
  it('gives field ids from 5 on and fills what is absent', () => {
    const columns = [
      { name: 'id', type: 'long', nullable: false },
      { name: 'Größe', type: 'decimal(18, 4)', default: '1.5', doc: 'how large' },
      { name: 'note', type: 'string', default: null, nullable: null, doc: null },
    ];
    expect(define(columns)).toEqual({
      tableName: 'orders',
      idempotencyWindow: '24h',
      compatibilityMode: 'none',
      columns: [
        { id: 5, name: 'id', type: 'long', nullable: false },
        { id: 6, name: 'Größe', type: 'decimal(18,4)', nullable: true, default: '1.5', doc: 'how large' },
        { id: 7, name: 'note', type: 'string', nullable: true },
      ],
    });
  });

  it.each(['Orders', '1st', '', 'a'.repeat(64), 'a-b', 'a\n'])('refuses the table name %p', (name) => {
    expect(pathsOf(() => define([{ name: 'id', type: 'long' }], name))).toEqual(['$.table_name']);
  });

  it.each(['', '_id', 'a\u0000', 'a\nb', 'e\u0301', '\ud800', 'x'.repeat(129)])(
    'refuses the column name %p',
    (name) => {
      expect(pathsOf(() => define([{ name, type: 'long' }]))).toEqual(['$.schema.columns[0].name']);
    },
  );

  it('takes any other name', () => {
    const names = ['a b', 'Ünï.cödé', "o'clock", '"', '😀', 'x'.repeat(128), 'constructor'];
    expect(pathsOf(() => define(names.map((name) => ({ name, type: 'string' }))))).toEqual([]);
  });

  it('refuses names that differ in case alone', () => {
    expect(
      pathsOf(() =>
        define([
          { name: 'Id', type: 'long' },
          { name: 'iD', type: 'int' },
        ]),
      ),
    ).toEqual(['$.schema.columns[1].name']);
  });

  it.each(['text', 'decimal', 'decimal(39,0)', 'decimal(4,5)', 'LONG', 'list<int>'])(
    'refuses the type %p',
    (type) => {
      expect(pathsOf(() => define([{ name: 'a', type }]))).toEqual(['$.schema.columns[0].type']);
    },
  );

  it.each([
    ['long', 'x'],
    ['long', 2 ** 53],
    ['json', { deep: [2 ** 60] }],
    ['string', 'a\u0000'],
    ['string', '\ud800'],
    ['string', 'x'.repeat(5000)],
    ['json', { 'a\u0000': 1 }],
    ['decimal(3,1)', 1.25],
  ])('refuses for a %s the default %p', (type, value) => {
    expect(pathsOf(() => define([{ name: 'a', type, default: value }]))).toEqual([
      '$.schema.columns[0].default',
    ]);
  });

  it('refuses no columns, too many, and what is not a column', () => {
    expect(pathsOf(() => define([]))).toEqual(['$.schema.columns']);
    const many = Array.from({ length: MAX_COLUMNS + 1 }, (_, i) => ({ name: `c${i}`, type: 'int' }));
    expect(pathsOf(() => define(many))).toEqual(['$.schema.columns']);
    expect(pathsOf(() => define([[] as unknown as ColumnRequest]))).toEqual(['$.schema.columns[0]']);
  });

  it('names everything that is wrong', () => {
    expect(
      pathsOf(() =>
        define(
          [
            { name: '_a', type: 'x' },
            { name: 'b', type: 'int', default: 1.5 },
          ],
          'A',
        ),
      ),
    ).toEqual([
      '$.table_name',
      '$.schema.columns[0].name',
      '$.schema.columns[0].type',
      '$.schema.columns[1].default',
    ]);
  });
});
