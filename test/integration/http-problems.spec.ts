import { METRICS, type MetricsRegistry } from '../../src/kernel/index.js';
import { sendRaw, type RawAnswer } from '../support/http-app.js';
import { startTrialApp, type TrialApp } from '../support/trial-app.js';

let http: TrialApp;
beforeAll(async () => {
  http = await startTrialApp();
});
afterAll(() => http.app.close());

function expectRefusal(answer: RawAnswer, status: number): void {
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(JSON.parse(answer.body)).toMatchObject({
    status,
    error_code: 'REQUEST_INVALID',
    trace_id: answer.headers['request-id'],
  });
}

describe('what the framework refuses', () => {
  it('an unknown path', async () => {
    const { response, body } = await http.get('/v1/nothing?key=secret');
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
      const { response, body } = await http.get('/v1/rows', { method });
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
  ])('%s', async (_, text, status) => {
    expectRefusal(await sendRaw(http.port, text), status);
  });

  it('a request line that stops', async () => {
    // An app of its own: so short a time could cut off the others, too, on a busy machine.
    const hasty = await startTrialApp({ headersMs: 300 });
    try {
      expectRefusal(await sendRaw(hasty.port, 'GET /v1/ro'), 408);
    } finally {
      await hasty.app.close();
    }
  });
});

describe('what is thrown', () => {
  it('an AppError with its context and Retry-After in whole seconds', async () => {
    const { response, body } = await http.get('/v1/fail/app');
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
    const { response, body } = await http.get('/v1/fail/down');
    expect(body).toMatchObject({
      status: 503,
      error_code: 'DEPENDENCY_UNAVAILABLE',
      context: { dependency: 'postgres' },
    });
    expect(response.headers.get('retry-after')).toBe('1');
  });

  it('anything else, without a word of it', async () => {
    for (const kind of ['other', 'nest']) {
      const { body } = await http.get(`/v1/fail/${kind}`);
      expect([kind, body.status]).toEqual([kind, kind === 'other' ? 500 : 403]);
      expect(JSON.stringify(body)).not.toContain('secret');
    }
  });
});

describe('Request-Id', () => {
  it('is the sane one that was sent, or the trace id, or a new one', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const idFor = async (headers: Record<string, string>) =>
      (await http.get('/v1/rows', { headers })).response.headers.get('request-id');
    expect(await idFor({ 'request-id': 'abc-1.2_3' })).toBe('abc-1.2_3');
    expect(await idFor({ traceparent: `00-${trace}-00f067aa0ba902b7-01` })).toBe(trace);
    expect(await idFor({ 'request-id': 'a b"<c>', traceparent: 'nonsense' })).toMatch(/^[0-9a-f]{32}$/);
    expect(await idFor({ 'request-id': 'x'.repeat(129) })).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('metrics', () => {
  it('count requests by route pattern, never by path', async () => {
    await http.get('/v1/fail/app');
    await http.get('/v1/some/unknown/path');
    const text = await http.app.get<MetricsRegistry>(METRICS).metrics();
    expect(text).toContain('route="/v1/fail/:kind",status="503"');
    expect(text).toContain('route="unmatched",status="404"');
    expect(text).not.toContain('unknown/path');
  });
});
