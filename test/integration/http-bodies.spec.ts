import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { constants, createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib';
import {
  Body,
  Controller,
  Get,
  Post,
  UnauthorizedException,
  UseGuards,
  type CanActivate,
} from '@nestjs/common';
import type { HttpTimeouts, IngestBody } from '../../src/http/index.js';
import { openSocket, readAnswer, sendRaw, startHttpApp, type HttpApp } from '../support/http-app.js';

class Deny implements CanActivate {
  canActivate(): boolean {
    throw new UnauthorizedException();
  }
}

@Controller('/v1')
class EchoController {
  @Post('ingest/:table')
  ingest(@Body() body: IngestBody) {
    return { content_type: body.contentType, text: body.bytes.toString('utf8'), size: body.bytes.length };
  }

  @Post('ingest/:table/receipts')
  receipts(@Body() body: unknown) {
    return { body: body ?? null };
  }

  @Post('echo')
  echo(@Body() body: unknown) {
    return { body: body ?? null };
  }

  @Post('denied')
  @UseGuards(Deny)
  denied(@Body() body: unknown) {
    return { body };
  }

  @Get('items/:id')
  item() {
    return {};
  }
}

const MAX_BODY = 64 * 1024;
const MAX_INFLATED = 256 * 1024;

const startApp = (timeouts: Partial<HttpTimeouts> = {}) =>
  startHttpApp({
    controllers: [EchoController],
    maxBodyBytes: MAX_BODY,
    maxInflatedBytes: MAX_INFLATED,
    timeouts,
  });

let http: HttpApp;
beforeAll(async () => {
  http = await startApp();
});
afterAll(() => http.app.close());

const JSON_TYPE = { 'content-type': 'application/json' };

async function post(
  path: string,
  body: string | Uint8Array<ArrayBuffer> | undefined,
  headers: Record<string, string> = JSON_TYPE,
) {
  const response = await fetch(http.url(path), {
    method: 'POST',
    headers,
    ...(body !== undefined && { body }),
  });
  return { response, status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function refused(
  path: string,
  body: string | Uint8Array<ArrayBuffer> | undefined,
  headers?: Record<string, string>,
) {
  const answer = await post(path, body, headers);
  expect(answer.response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(answer.response.headers.get('request-id')).toBe(answer.body.trace_id);
  return [answer.status, answer.body.error_code, answer.body.context] as const;
}

describe('bodies that are taken', () => {
  it('hands the ingest route bytes and every other route parsed JSON', async () => {
    expect((await post('/v1/ingest/t', '{"a": 1}')).body).toEqual({
      content_type: 'json',
      text: '{"a": 1}',
      size: 8,
    });
    const ndjson = await post('/v1/ingest/t', '{}\n{}', {
      'content-type': 'application/x-ndjson; charset="UTF-8"',
    });
    expect(ndjson.body).toEqual({ content_type: 'ndjson', text: '{}\n{}', size: 5 });
    expect((await post('/v1/ingest/t/receipts', '{"keys":["k"]}')).body).toEqual({ body: { keys: ['k'] } });
    expect((await post('/v1/echo', '\ufeff{"ü":"😀"}')).body).toEqual({ body: { ü: '😀' } });
  });

  it('inflates gzip and zstd, members and frames one after the other', async () => {
    const parts = ['{"a":1}\n', '{"b":2}\n'];
    const bodies = {
      gzip: [gzipSync(parts[0]!), gzipSync(parts[1]!)],
      zstd: [zstdCompressSync(Buffer.from(parts[0]!)), zstdCompressSync(Buffer.from(parts[1]!))],
      identity: parts.map((part) => Buffer.from(part)),
    };
    for (const [encoding, chunks] of Object.entries(bodies)) {
      const answer = await post('/v1/ingest/t', new Uint8Array(Buffer.concat(chunks)), {
        'content-type': 'application/x-ndjson',
        'content-encoding': encoding,
      });
      expect([encoding, answer.body.text]).toEqual([encoding, parts.join('')]);
    }
  });

  it('takes an absent body where the call has no required fields', async () => {
    expect((await post('/v1/echo', undefined, {})).body).toEqual({ body: null });
    expect((await post('/v1/echo', '')).body).toEqual({ body: null });
  });

  it('sends "100 Continue" only when the body is wanted', async () => {
    const socket = await openSocket(http.port);
    let seen = '';
    socket.on('data', (chunk) => (seen += chunk.toString()));
    const answered = readAnswer(socket);
    socket.write(
      'POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n',
    );
    await new Promise((resolve) => socket.once('data', resolve));
    expect(seen).toMatch(/^HTTP\/1\.1 100 /);
    socket.write('{}');
    expect(await answered).toMatchObject({ status: 201, body: '{"body":{}}' });
    socket.destroy();
    const denied = await sendRaw(
      http.port,
      `POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${MAX_BODY + 1}\r\nExpect: 100-continue\r\n\r\n`,
    );
    expect(denied).toMatchObject({ status: 413, headers: { connection: 'close' } });
  });
});

describe('bodies that are refused', () => {
  it.each([
    ['{"a":}', 5, 'a value'],
    ['{"a":1', 6, '"," or "}"'],
    ['{"a":1,\n}', 8, 'a property name'],
    ['[1,2,,3]', 5, 'a value'],
    ['{"a" 1}', 5, '":"'],
    ['"\\x"', 1, 'a valid escape'],
    ['[01]', 2, '"," or "]"'],
    ['{} {}', 3, 'the end of the text'],
    ['nul', 0, 'a value'],
    ['   ', 3, 'a value'],
  ])('malformed JSON %j, with its position', async (text, position, expected) => {
    const [status, code, context] = await refused('/v1/echo', text);
    expect([status, code]).toEqual([400, 'REQUEST_INVALID']);
    expect(context).toMatchObject({
      violations: [{ path: '$', position, message: `malformed JSON: expected ${expected}` }],
    });
  });

  it('keys that reach a prototype, and nesting that would overflow a stack', async () => {
    for (const text of [
      '{"__proto__":{}}',
      '{"a":[{"\\u005f_proto__":1}]}',
      '{"constructor":{"prototype":{}}}',
    ]) {
      expect((await refused('/v1/echo', text)).slice(0, 2)).toEqual([400, 'REQUEST_INVALID']);
    }
    const [status, code] = await refused('/v1/echo', '['.repeat(20_000) + ']'.repeat(20_000));
    expect([status, code]).toEqual([400, 'REQUEST_INVALID']);
  });

  it('an empty ingest body, with and without a content type', async () => {
    expect((await refused('/v1/ingest/t', '')).slice(0, 2)).toEqual([400, 'REQUEST_INVALID']);
    expect((await refused('/v1/ingest/t', undefined, {})).slice(0, 2)).toEqual([
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ]);
    expect(
      (
        await refused('/v1/ingest/t', new Uint8Array(gzipSync('')), {
          ...JSON_TYPE,
          'content-encoding': 'gzip',
        })
      )[0],
    ).toBe(400);
  });

  it('content types, charsets and encodings that are not known', async () => {
    const cases: Record<string, string>[] = [
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/xml' },
      { 'content-type': 'nonsense' },
      { 'content-type': 'application/json; charset=utf-16' },
      { ...JSON_TYPE, 'content-encoding': 'br' },
      { ...JSON_TYPE, 'content-encoding': 'gzip, gzip' },
    ];
    for (const headers of cases) {
      for (const path of ['/v1/ingest/t', '/v1/echo']) {
        expect([headers, ...(await refused(path, '{}', headers)).slice(0, 2)]).toEqual([
          headers,
          415,
          'UNSUPPORTED_MEDIA_TYPE',
        ]);
      }
    }
    expect((await refused('/v1/echo', '{}', { 'content-type': 'application/x-ndjson' }))[0]).toBe(415);
  });

  it('bytes that are not UTF-8', async () => {
    for (const path of ['/v1/ingest/t', '/v1/echo']) {
      expect((await refused(path, new Uint8Array([0x22, 0xc3, 0x28, 0x22]))).slice(0, 2)).toEqual([
        400,
        'REQUEST_INVALID',
      ]);
    }
  });

  it('a body over the limit by its Content-Length, before a byte of it is sent', async () => {
    const answer = await sendRaw(
      http.port,
      `POST /v1/ingest/t HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${MAX_BODY + 1}\r\n\r\n`,
    );
    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.body)).toMatchObject({
      error_code: 'PAYLOAD_TOO_LARGE',
      context: { max_bytes: MAX_BODY },
    });
  });

  it('a chunked body over the limit while it streams; the client sees the answer', async () => {
    const status = await new Promise<number>((resolve, reject) => {
      const client = httpRequest(
        http.url('/v1/ingest/t'),
        { method: 'POST', headers: JSON_TYPE },
        (answer) => {
          answer.resume().once('end', () => resolve(answer.statusCode ?? 0));
        },
      );
      client.once('error', reject);
      for (let i = 0; i < 4; i += 1) client.write(Buffer.alloc(MAX_BODY / 2, 'a'));
      client.end();
    });
    expect(status).toBe(413);
  });

  it('ends a connection whose refused body goes on', async () => {
    const hasty = await startApp({ lingerMs: 300 });
    const socket = await openSocket(hasty.port);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const answered = readAnswer(socket);
    socket.write(
      'POST /v1/ingest/t HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n',
    );
    expect((await answered).status).toBe(413);
    await closed;
    await hasty.app.close();
  });

  it('ends a connection whose body does not come, though the client keeps its side open', async () => {
    const slow = await startApp({ headersMs: 200, requestMs: 400 });
    const server = slow.app.getHttpServer();
    const ended = new Promise((resolve) => {
      server.once('connection', (socket: Socket) => socket.once('close', resolve));
    });
    const client = connect({ port: slow.port, host: '127.0.0.1', allowHalfOpen: true });
    client.on('error', () => undefined).resume();
    client.write(
      'POST /v1/ingest/t HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    );
    await ended;
    client.destroy();
    await slow.app.close();
  });

  it('bombs, without inflating them beyond the limit', async () => {
    const zeros = Buffer.alloc(40 * 1024 * 1024);
    const bombs = { gzip: gzipSync(zeros), zstd: zstdCompressSync(zeros) };
    expect(bombs.gzip.length).toBeLessThan(MAX_BODY);
    for (const [encoding, bomb] of Object.entries(bombs)) {
      const [status, code, context] = await refused('/v1/ingest/t', new Uint8Array(bomb), {
        ...JSON_TYPE,
        'content-encoding': encoding,
      });
      expect([encoding, status, code, context]).toEqual([
        encoding,
        413,
        'PAYLOAD_TOO_LARGE',
        { max_bytes: MAX_INFLATED },
      ]);
    }
  });

  it('JSON that only compression makes small, where the call takes no events', async () => {
    const text = JSON.stringify({ a: 'x'.repeat(MAX_BODY) });
    const zipped = new Uint8Array(gzipSync(text));
    const headers = { ...JSON_TYPE, 'content-encoding': 'gzip' };
    expect((await post('/v1/ingest/t', zipped, headers)).status).toBe(201);
    expect(await refused('/v1/echo', zipped, headers)).toEqual([
      413,
      'PAYLOAD_TOO_LARGE',
      { max_bytes: MAX_BODY },
    ]);
  });

  it('truncated and corrupt compression', async () => {
    const text = Buffer.from(JSON.stringify({ a: 'x'.repeat(5000), b: Math.PI }));
    const wideWindow = await wideWindowFrame();
    const bodies: [string, Buffer][] = [
      ['gzip', gzipSync(text).subarray(0, -5)],
      ['gzip', Buffer.concat([gzipSync(text), Buffer.from('tail')])],
      ['gzip', text],
      ['zstd', zstdCompressSync(text).subarray(0, -3)],
      ['zstd', Buffer.concat([zstdCompressSync(text), zstdCompressSync(text).subarray(0, 12)])],
      ['zstd', Buffer.concat([zstdCompressSync(text), Buffer.from('tail')])],
      ['zstd', text],
      ['zstd', wideWindow],
      ['zstd', Buffer.concat(Array.from({ length: 2000 }, () => zstdCompressSync(Buffer.alloc(0))))],
    ];
    for (const [encoding, body] of bodies) {
      const answer = await refused('/v1/ingest/t', new Uint8Array(body), {
        ...JSON_TYPE,
        'content-encoding': encoding,
      });
      expect([encoding, ...answer.slice(0, 2)]).toEqual([encoding, 400, 'REQUEST_INVALID']);
    }
  });

  it('reads no body of a caller that a guard turns away', async () => {
    const answer = await sendRaw(
      http.port,
      'POST /v1/denied HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n',
    );
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
  });
});

async function wideWindowFrame(): Promise<Buffer> {
  const compressor = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: 27 } });
  compressor.end(Buffer.alloc(1024));
  const chunks: Buffer[] = [];
  for await (const chunk of compressor) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
