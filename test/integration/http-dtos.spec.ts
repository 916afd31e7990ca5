import { encodeCursor } from '../../src/http/index.js';
import { ROWS, startTrialApp, type TrialApp } from '../support/trial-app.js';

let http: TrialApp;
beforeAll(async () => {
  http = await startTrialApp();
});
afterAll(() => http.app.close());

describe('DTOs', () => {
  it('arrive as instances', async () => {
    expect((await http.create({ table_name: 't', columns: [{ name: 'a', size: 1 }] })).body).toEqual({
      made: true,
    });
  });

  it('are refused with the path of every violation', async () => {
    const { status, violations } = await http.create({
      mode: 'x',
      'odd name': 1,
      columns: [{ name: 'a' }, { name: 5, size: 0, more: 1 }],
    });
    expect(status).toBe(400);
    expect(violations).toEqual(
      expect.arrayContaining([
        { path: '$.table_name', message: 'must be a string' },
        { path: '$.mode', message: 'must be one of the following values: strict, evolve' },
        { path: "$['odd name']", message: 'is not a known field' },
        { path: '$.columns[1].name', message: 'must be a string' },
        { path: '$.columns[1].size', message: 'must not be less than 1' },
        { path: '$.columns[1].more', message: 'is not a known field' },
      ]),
    );
    expect(violations).toHaveLength(6);
  });

  it.each([[[]], ['text'], [1], [null], [true]])('need an object, not %j', async (body) => {
    expect((await http.create(body)).violations).toEqual([{ path: '$', message: 'must be an object' }]);
  });

  it('refuse wrong shapes of nested values', async () => {
    for (const columns of [{}, 'x', [1], [[]], [null], null, [[{ name: 'a' }]], { name: 'a' }]) {
      expect([columns, (await http.create({ table_name: 't', columns })).status]).toEqual([columns, 400]);
    }
  });

  it('take numbers and flags of a query string only where they are written as such', async () => {
    expect((await http.get('/v1/rows?limit=2&deep=true')).body).toMatchObject({
      rows: ['a', 'b'],
      deep: true,
    });
    for (const query of [
      'limit=0',
      'limit=1e2',
      'limit=',
      'limit=501',
      'limit=1&limit=2',
      'depth=10',
      'deep=1',
      'unknown=1',
      'cursor=',
    ]) {
      expect([query, (await http.get(`/v1/rows?${query}`)).status]).toEqual([query, 400]);
    }
  });
});

describe('pages', () => {
  it('lead from one to the next until the last', async () => {
    const seen: unknown[] = [];
    let query = 'limit=2';
    for (let pages = 0; pages < 3; pages += 1) {
      const { body } = await http.get(`/v1/rows?${query}`);
      seen.push(...(body.rows as string[]));
      query = `limit=2&cursor=${body.next_cursor as string}`;
      if (body.next_cursor === null) break;
    }
    expect(seen).toEqual(ROWS);
  });

  it('refuse cursors of another list or of no list', async () => {
    for (const cursor of [encodeCursor('others', ['a']), encodeCursor('rows', [1]), 'e30', 'zzz']) {
      expect([cursor, (await http.get(`/v1/rows?cursor=${cursor}`)).status]).toEqual([cursor, 400]);
    }
  });
});

describe('documents', () => {
  it('describe DTOs by their validators', async () => {
    const { body } = await http.get('/v1/openapi.json');
    const { paths } = body as { paths: Record<string, { get: { parameters: { name: string }[] } }> };
    expect(paths['/v1/rows']?.get.parameters.find(({ name }) => name === 'limit')).toMatchObject({
      in: 'query',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 500 },
    });
    expect(body).toMatchObject({
      paths: {
        '/v1/rows': {
          get: {
            responses: {
              default: {
                content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
              },
            },
          },
        },
      },
      components: {
        schemas: {
          TableDto: {
            required: ['table_name', 'columns'],
            properties: {
              table_name: { type: 'string' },
              mode: { type: 'string', enum: ['strict', 'evolve'] },
              columns: { type: 'array', items: { $ref: '#/components/schemas/ColumnDto' } },
            },
          },
          ColumnDto: {
            required: ['name'],
            properties: { name: { type: 'string' }, size: { type: 'integer', minimum: 1 } },
          },
        },
      },
    });
  });

  it('are pages that need nothing from elsewhere', async () => {
    for (const path of ['/docs', '/docs/errors']) {
      const response = await fetch(http.url(path));
      const text = await response.text();
      expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
      expect(text).not.toMatch(/<script|<link|<img|src=|https?:\/\//);
      expect(text).toContain(path === '/docs' ? 'POST /v1/tables' : 'id="NOT_FOUND"');
    }
  });
});
