import { Controller, Get, HttpException, Param, Post, Res } from '@nestjs/common';
import { IsArray, IsIn, IsInt, IsOptional, IsString, Max, Min, ValidateNested } from 'class-validator';
import { Type } from 'class-transformer';
import type { FastifyReply } from 'fastify';
import {
  decodeCursor,
  Draining,
  dtoBody,
  dtoQuery,
  encodeCursor,
  FlagText,
  IntegerText,
  pageOf,
  PageQuery,
} from '../../src/http/index.js';
import {
  AppError,
  DEPENDENCY_UNAVAILABLE,
  METRICS,
  SERVER_BUSY,
  type MetricsRegistry,
} from '../../src/kernel/index.js';
import { openSocket, readAnswer, sendRaw, startHttpApp, type HttpApp } from '../support/http-app.js';

class ColumnDto {
  @IsString()
  name!: string;

  @IsOptional()
  @IsInt()
  @Min(1)
  size?: number;
}

class TableDto {
  @IsString()
  table_name!: string;

  @IsOptional()
  @IsIn(['strict', 'evolve'])
  mode?: string;

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ColumnDto)
  columns!: ColumnDto[];
}

class ListQuery extends PageQuery {
  @IsOptional()
  @IntegerText()
  @IsInt()
  @Max(9)
  depth?: number;

  @IsOptional()
  @FlagText()
  @IsIn([true, false])
  deep?: boolean;
}

const ROWS = ['a', 'b', 'c', 'd', 'e'];

@Controller('/v1')
class TrialController {
  @Post('tables')
  create(@dtoBody(TableDto) body: TableDto) {
    return { made: body instanceof TableDto && body.columns[0] instanceof ColumnDto };
  }

  @Get('rows')
  rows(@dtoQuery(ListQuery) query: ListQuery) {
    const after = decodeCursor(
      'rows',
      query.cursor,
      (p): p is [string] => typeof p[0] === 'string' && p.length === 1,
    );
    const from = after === undefined ? 0 : ROWS.indexOf(after[0]) + 1;
    const page = pageOf('rows', ROWS.slice(from, from + query.limit + 1), query.limit, (row) => [row]);
    return { rows: page.rows, next_cursor: page.next_cursor, deep: query.deep };
  }

  @Get('fail/:kind')
  fail(@Param('kind') kind: string): never {
    if (kind === 'app') throw new AppError(SERVER_BUSY, 'Full.', { retryAfterMs: 1200, context: { a: 1 } });
    if (kind === 'nest') throw new HttpException('secret', 403);
    if (kind === 'down') throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    if (kind === 'outage') throw new AppError(DEPENDENCY_UNAVAILABLE, 'Away.');
    throw new Error('a secret of ours');
  }

  @Get('slow')
  async slow(@Res() reply: FastifyReply) {
    held.arrived();
    await held.released;
    void reply.send({ slow: true });
  }
}

const held = (() => {
  let arrived = () => undefined as void;
  let release = () => undefined as void;
  return {
    waiting: new Promise<void>((resolve) => (arrived = resolve)),
    released: new Promise<void>((resolve) => (release = resolve)),
    arrived: () => arrived(),
    release: () => release(),
  };
})();

let http: HttpApp;
beforeAll(async () => {
  http = await startHttpApp({ controllers: [TrialController], timeouts: { headersMs: 300 } });
});
afterAll(() => http.app.close());

async function get(path: string, init?: RequestInit) {
  const response = await fetch(http.url(path), init);
  const text = await response.text();
  return {
    response,
    status: response.status,
    body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
  };
}

async function create(body: unknown) {
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  const answer = await get('/v1/tables', init);
  const context = answer.body.context as { violations?: { path: string; message: string }[] } | undefined;
  return { ...answer, violations: context?.violations };
}

describe('what the framework refuses', () => {
  it('an unknown path', async () => {
    const { response, body } = await get('/v1/nothing?key=secret');
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(body).toEqual({
      type: '/docs/errors#NOT_FOUND',
      title: 'Not found',
      status: 404,
      detail: 'There is nothing here.',
      instance: '/v1/nothing',
      error_code: 'NOT_FOUND',
      retryable: false,
      context: {},
      trace_id: response.headers.get('request-id'),
    });
  });

  it('a method that the path does not take, and says which it takes', async () => {
    for (const method of ['DELETE', 'PUT', 'OPTIONS']) {
      const { response, body } = await get('/v1/rows', { method });
      expect([method, body.status, body.error_code, response.headers.get('allow')]).toEqual([
        method,
        405,
        'REQUEST_INVALID',
        'GET, HEAD',
      ]);
    }
    expect(await sendRaw(http.port, 'PURGE /v1/rows HTTP/1.1\r\nHost: x\r\n\r\n')).toMatchObject({
      status: 405,
    });
  });

  it.each([
    ['a bad escape in the path', 'GET /v1/%zz HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    [
      'headers over 16 KiB',
      `GET /v1/rows HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(64 * 1024)}\r\n\r\n`,
      431,
    ],
    ['a path over 16 KiB', `GET /v1/${'a'.repeat(64 * 1024)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    ['a very long path parameter', `GET /v1/fail/${'a'.repeat(4000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 414],
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['a broken header', 'GET /v1/rows HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n', 400],
    ['no Host', 'GET /v1/rows HTTP/1.1\r\n\r\n', 400],
    [
      'two body lengths',
      'POST /v1/tables HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}',
      400,
    ],
    [
      'a broken chunk',
      'POST /v1/tables HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      400,
    ],
    ['another expectation', 'GET /v1/rows HTTP/1.1\r\nHost: x\r\nExpect: a-pony\r\n\r\n', 417],
    ['a request line that stops', 'GET /v1/ro', 408],
  ])('%s', async (_, text, status) => {
    const answer = await sendRaw(http.port, text);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(JSON.parse(answer.body)).toMatchObject({
      status,
      error_code: 'REQUEST_INVALID',
      trace_id: answer.headers['request-id'],
    });
  });
});

describe('what is thrown', () => {
  it('an AppError with its context and Retry-After in whole seconds', async () => {
    const { response, body } = await get('/v1/fail/app');
    expect(response.headers.get('retry-after')).toBe('2');
    expect(body).toMatchObject({
      status: 503,
      error_code: 'SERVER_BUSY',
      retryable: true,
      context: { a: 1 },
      detail: 'Full.',
    });
  });

  it('a driver that cannot reach the database', async () => {
    const { response, body } = await get('/v1/fail/down');
    expect(body).toMatchObject({
      status: 503,
      error_code: 'DEPENDENCY_UNAVAILABLE',
      context: { dependency: 'postgres' },
    });
    expect(response.headers.get('retry-after')).toBe('1');
  });

  it('anything else, without a word of it', async () => {
    for (const kind of ['other', 'nest']) {
      const { body } = await get(`/v1/fail/${kind}`);
      expect([kind, body.status]).toEqual([kind, kind === 'other' ? 500 : 403]);
      expect(JSON.stringify(body)).not.toContain('secret');
    }
  });
});

describe('Request-Id', () => {
  it('is the sane one that was sent, or the trace id, or a new one', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const idFor = async (headers: Record<string, string>) =>
      (await get('/v1/rows', { headers })).response.headers.get('request-id');
    expect(await idFor({ 'request-id': 'abc-1.2_3' })).toBe('abc-1.2_3');
    expect(await idFor({ traceparent: `00-${trace}-00f067aa0ba902b7-01` })).toBe(trace);
    expect(await idFor({ 'request-id': 'a b"<c>', traceparent: 'nonsense' })).toMatch(/^[0-9a-f]{32}$/);
    expect(await idFor({ 'request-id': 'x'.repeat(129) })).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('DTOs', () => {
  it('arrive as instances', async () => {
    expect((await create({ table_name: 't', columns: [{ name: 'a', size: 1 }] })).body).toEqual({
      made: true,
    });
  });

  it('are refused with the path of every violation', async () => {
    const { status, violations } = await create({
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
    expect((await create(body)).violations).toEqual([{ path: '$', message: 'must be an object' }]);
  });

  it('refuse wrong shapes of nested values', async () => {
    for (const columns of [{}, 'x', [1], [[]], [null], null, [[{ name: 'a' }]], { name: 'a' }]) {
      expect([columns, (await create({ table_name: 't', columns })).status]).toEqual([columns, 400]);
    }
  });

  it('take numbers and flags of a query string only where they are written as such', async () => {
    expect((await get('/v1/rows?limit=2&deep=true')).body).toMatchObject({ rows: ['a', 'b'], deep: true });
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
      expect([query, (await get(`/v1/rows?${query}`)).status]).toEqual([query, 400]);
    }
  });
});

describe('pages', () => {
  it('lead from one to the next until the last', async () => {
    const seen: unknown[] = [];
    let query = 'limit=2';
    for (let pages = 0; pages < 3; pages += 1) {
      const { body } = await get(`/v1/rows?${query}`);
      seen.push(...(body.rows as string[]));
      query = `limit=2&cursor=${body.next_cursor as string}`;
      if (body.next_cursor === null) break;
    }
    expect(seen).toEqual(ROWS);
  });

  it('refuse cursors of another list or of no list', async () => {
    for (const cursor of [encodeCursor('others', ['a']), encodeCursor('rows', [1]), 'e30', 'zzz']) {
      expect([cursor, (await get(`/v1/rows?cursor=${cursor}`)).status]).toEqual([cursor, 400]);
    }
  });
});

describe('documents', () => {
  it('describe DTOs by their validators', async () => {
    const { body } = await get('/v1/openapi.json');
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

describe('metrics', () => {
  it('count requests by route pattern, never by path', async () => {
    await get('/v1/fail/app');
    await get('/v1/some/unknown/path');
    const text = await http.app.get<MetricsRegistry>(METRICS).metrics();
    expect(text).toContain('route="/v1/fail/:kind",status="503"');
    expect(text).toContain('route="unmatched",status="404"');
    expect(text).not.toContain('unknown/path');
  });
});

describe('draining', () => {
  it('answers what comes until the close, closes connections, then refuses', async () => {
    const socket = await openSocket(http.port);
    const slow = readAnswer(socket);
    socket.write('GET /v1/slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await held.waiting;
    http.app.get(Draining).begin();
    const { response, status } = await get('/v1/rows');
    expect([status, response.headers.get('connection')]).toEqual([200, 'close']);
    const closing = http.app.close();
    held.release();
    expect(await slow).toMatchObject({ status: 200, headers: { connection: 'close' } });
    await closing;
    socket.destroy();
  });
});
