import { AppError } from '../../kernel/index.js';
import type { ColumnRequest } from './column-definition.js';
import { defineTable, MAX_COLUMNS } from './table-definition.js';

const define = (columns: ColumnRequest[], tableName = 'orders') => defineTable({ tableName, columns });
interface Violation {
  readonly path: string;
  readonly message: string;
}

function violationsOf(work: () => unknown): Violation[] {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error.context.violations as Violation[];
    throw error;
  }
  return [];
}

const pathsOf = (work: () => unknown): string[] => violationsOf(work).map(({ path }) => path);
const messagesOf = (type: string): string[] =>
  violationsOf(() => define([{ name: 'a', type }])).map(({ message }) => message);

describe('defineTable', () => {
  it('gives field ids from 5 on and fills what is absent', () => {
    const columns = [
      { name: 'id', type: 'long', nullable: false },
      { name: 'Größe', type: 'decimal(18, 4)', default: '1.5', doc: 'how large' },
      { name: 'note', type: 'string', default: null, nullable: null, doc: null },
    ];
    expect(define(columns)).toMatchObject({
      tableName: 'orders',
      idempotencyWindow: '24h',
      evolutionMode: 'strict',
      compatibilityMode: 'none',
      columns: [
        { id: 5, name: 'id', type: 'long', nullable: false },
        { id: 6, name: 'Größe', type: 'decimal(18,4)', nullable: true, default: '1.5', doc: 'how large' },
        { id: 7, name: 'note', type: 'string', nullable: true },
      ],
      primaryKeyIds: [],
    });
  });

  it('gives the parts of nested columns ids of their own, before the next column', () => {
    const type =
      'list<struct<"odd name": list<long not null>, price: decimal(9,2) not null default "1" comment "net">>';
    const columns = [
      { name: 'lines', type, default: [] },
      { name: 'note', type: 'string' },
    ];
    expect(define(columns).columns).toEqual([
      {
        id: 5,
        name: 'lines',
        type: 'list',
        nullable: true,
        default: [],
        fields: [
          {
            id: 6,
            name: 'element',
            type: 'struct',
            nullable: true,
            fields: [
              {
                id: 7,
                name: 'odd name',
                type: 'list',
                nullable: true,
                fields: [{ id: 8, name: 'element', type: 'long', nullable: false }],
              },
              { id: 9, name: 'price', type: 'decimal(9,2)', nullable: false, default: '1', doc: 'net' },
            ],
          },
        ],
      },
      { id: 10, name: 'note', type: 'string', nullable: true },
    ]);
  });

  it.each([
    ['struct<"": int>', /^field "" must have 1 to 128 characters$/],
    ['struct<a: int, b: struct<"a\\u0000": int>>', /^field b\."a\\u0000" must not have control characters$/],
    ['list<struct<"e\u0301": int>>', /^field element\..* must be in Unicode normal form C$/],
    [`struct<${'x'.repeat(129)}: int>`, /must have 1 to 128 characters$/],
    ['struct<a: int, b: int, A: int>', /^field A has the name of a; names must differ in more than case$/],
    ['list<struct<__proto__: int>>', /^field element\.__proto__ must not be one of the reserved names$/],
    ['struct<__DuckDB_field_id: int>', /must not be one of the reserved names$/],
    ['struct<a: int default "x">', /^field a must be an integer from .*; found "x"$/],
    ['struct<a: int default 1.5>', /^field a must be an integer/],
    [
      'struct<a: long default 9007199254740993>',
      /^field a has an integer beyond 2\^53: write it as a string$/,
    ],
    ['struct<a: list<int> default 1>', /^field a must not have a default/],
    ['struct<a: struct<b: int default 5> default 1>', /^field a must not have a default/],
    [
      `struct<a: int comment "${'x'.repeat(1001)}">`,
      /^field a must have at most 1000 characters, and no NUL$/,
    ],
  ])('refuses the parts of %p', (type, message) => {
    expect(messagesOf(type)).toEqual([expect.stringMatching(message)]);
  });

  it('takes other names at any level, those that begin with "_" inside of structs', () => {
    expect(messagesOf('struct<_id: int, element: int, list: int, "select": int, "😀 \\"": int>')).toEqual([]);
    expect(messagesOf('struct<a: struct<a: struct<a: int>>>')).toEqual([]);
  });

  it('does not look at a default whose type is wrong', () => {
    const column = { name: 'a', type: 'struct<b: int default "x">', default: {} };
    expect(pathsOf(() => define([column]))).toEqual(['$.schema.columns[0].type']);
  });

  it('keeps a nested default as it was sent', () => {
    const sent = { a: ['1'], j: { b: 1 } };
    const column = { name: 'c', type: 'struct<a: list<long>, j: json>', default: sent };
    expect(define([column]).columns[0]?.default).toEqual({ a: ['1'], j: { b: 1 } });
  });

  it('counts the parts of nested columns', () => {
    const fields = (count: number) => Array.from({ length: count }, (_, i) => `f${i}: int`).join(', ');
    const wide = (count: number) => [{ name: 'a', type: `list<struct<${fields(count)}>>` }];
    expect(pathsOf(() => define(wide(MAX_COLUMNS - 2)))).toEqual([]);
    expect(violationsOf(() => define(wide(MAX_COLUMNS - 1)))).toEqual([
      {
        path: '$.schema.columns',
        message: expect.stringMatching(/^must have 1 to 500 columns, .*; found 501$/) as string,
        column: 'a',
        allowed: ['1 to 500 columns, fields of structs and elements of lists counted'],
      },
    ]);
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

  it.each(['text', 'decimal', 'decimal(39,0)', 'decimal(4,5)', 'LONG', 'list<int', 'struct<>'])(
    'refuses the type %p',
    (type) => {
      expect(pathsOf(() => define([{ name: 'a', type }]))).toEqual(['$.schema.columns[0].type']);
    },
  );

  it.each([
    ['long', 'x'],
    ['long', 2 ** 53],
    ['json', { deep: [2 ** 60] }],
    ['json', -(2 ** 64)],
    ['string', 'a\u0000'],
    ['string', '\ud800'],
    ['string', 'x'.repeat(5000)],
    ['json', { 'a\u0000': 1 }],
    ['decimal(3,1)', 1.25],
    ['list<int>', [1, 'x']],
    ['list<long>', [2 ** 60]],
    ['struct<a: int not null>', {}],
    ['double', Infinity],
    ['float', 1e39],
    ['float', 2 ** 53 + 2],
    ['json', { deep: [-Infinity] }],
    ['struct<a: double, b: decimal(38,0)>', { a: 1e300, b: 2 ** 60 }],
    ['struct<a: double>', { b: 1e300 }],
    ['double', [1e300]],
  ])('refuses for a %s the default %p', (type, value) => {
    expect(pathsOf(() => define([{ name: 'a', type, default: value }]))).toEqual([
      '$.schema.columns[0].default',
    ]);
  });

  it.each([
    ['double', -1e300],
    ['double', Number.MAX_VALUE],
    ['double', Number.MIN_VALUE],
    ['double', 2 ** 53 + 2],
    ['float', -(2 ** 100)],
    ['float', 3.4028235e38],
    ['list<double>', [1e300, null]],
    ['json', -1e300],
    ['json', { deep: [Number.MAX_VALUE, Number.MIN_VALUE, 0.1, 2 ** 65] }],
    ['struct<a: json>', { a: [1e300] }],
    ['struct<a: list<struct<b: double>>, c: float>', { a: [{ b: -1e300 }], c: 2 ** 60 }],
  ])('takes for a %s the default %p', (type, value) => {
    expect(define([{ name: 'a', type, default: value }]).columns[0]?.default).toEqual(value);
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
