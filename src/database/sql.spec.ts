import { identifier, query, sql } from './sql.js';

describe('sql', () => {
  it('binds every value', () => {
    const statement = sql`SELECT ${1}, ${'x; DROP TABLE y'} WHERE a = ${null}`;
    expect(statement.text).toBe('SELECT $1, $2 WHERE a = $3');
    expect(statement.values).toEqual([1, 'x; DROP TABLE y', null]);
  });

  it('numbers the values of nested statements on', () => {
    const inner = sql`b = ${2} AND c = ${3}`;
    const statement = sql`a = ${1} AND ${inner} AND d = ${4}`;
    expect(statement.text).toBe('a = $1 AND b = $2 AND c = $3 AND d = $4');
    expect(statement.values).toEqual([1, 2, 3, 4]);
  });

  it('quotes identifiers', () => {
    expect(sql`SELECT * FROM ${identifier('odd "name"')}`.text).toBe('SELECT * FROM "odd ""name"""');
  });
});

describe('query', () => {
  it.each([
    ['rows', [{ a: 1 }, { a: 2 }], [{ a: 1 }, { a: 2 }]],
    ["TypeORM's pair of rows and count", [[{ a: 1 }], 1], [{ a: 1 }]],
    ['no rows', [], []],
  ])('answers rows for %s', async (_, answered, rows) => {
    const executor = { query: () => Promise.resolve(answered) };
    expect(await query(executor, sql`SELECT 1`)).toEqual(rows);
  });
});
