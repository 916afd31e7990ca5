import type { Socket } from 'node:net';
import {
  Body,
  Controller,
  Get,
  Inject,
  Post,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Admissions } from '../../src/http/index.js';
import { openSocket, readAnswer, startHttpApp, type HttpApp } from '../support/http-app.js';
import { until } from '../support/until.js';

const KIB = 1024;
/** Four bodies of the largest size make the budget. */
const MAX_BODY = 64 * KIB;
const PART = 16 * KIB;
const WAIT_MS = 10_000;

/** Stands in for the guard of tenancy: a header names the tenant. */
class OwnerGuard implements CanActivate {
  constructor(@Inject(Admissions) private readonly admissions: Admissions) {}

  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const { raw } = http.getResponse<FastifyReply>();
    this.admissions.admit(request, String(request.headers['x-owner']), (release) =>
      raw.once('close', release),
    );
    return true;
  }
}

let pauses: (() => void)[] = [];

@Controller('/v1')
class HeldController {
  @Post('echo')
  @UseGuards(OwnerGuard)
  echo(@Body() body: unknown) {
    return { body };
  }

  @Get('pause')
  @UseGuards(OwnerGuard)
  async pause() {
    await new Promise<void>((resolve) => pauses.push(resolve));
    return {};
  }

  @Get('health')
  health() {
    return {};
  }
}

let http: HttpApp;
let admissions: Admissions;

async function start(options: { maxRequests?: number; bodyWindowMs?: number }): Promise<void> {
  const { maxRequests, bodyWindowMs } = options;
  http = await startHttpApp({
    controllers: [HeldController],
    maxBodyBytes: MAX_BODY,
    maxInflatedBytes: MAX_BODY,
    ...(maxRequests !== undefined && { maxRequests }),
    timeouts: { lingerMs: 200, ...(bodyWindowMs !== undefined && { bodyWindowMs }) },
  });
  admissions = http.app.get(Admissions);
}

afterEach(async () => {
  pauses = [];
  await http.app.close();
});

const get = async (path: string, owner: string) => {
  const response = await fetch(http.url(path), { headers: { 'x-owner': owner } });
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    body: await response.json(),
  };
};

const post = async (owner: string, text: string) => {
  const response = await fetch(http.url('/v1/echo'), {
    method: 'POST',
    headers: { 'x-owner': owner, 'content-type': 'application/json' },
    body: text,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

/** An upload that sends a part of its body and then nothing. */
async function stalledUpload(owner: string): Promise<Socket> {
  const socket = await openSocket(http.port);
  socket.write(
    `POST /v1/echo HTTP/1.1\r\nHost: x\r\nX-Owner: ${owner}\r\nContent-Type: application/json\r\nContent-Length: ${MAX_BODY}\r\n\r\n"${'x'.repeat(PART - 1)}`,
  );
  return socket;
}

describe('bodies that stall', () => {
  it('take no more than their tenant may, and leave room for others', async () => {
    await start({});
    const sockets: Socket[] = [];
    // Half of the budget.
    for (let bytes = PART; bytes <= 2 * MAX_BODY; bytes += PART) {
      sockets.push(await stalledUpload('a'));
      await until('the part to arrive', WAIT_MS, () => admissions.held.bodyBytes === bytes);
    }
    const refused = await stalledUpload('a');
    const answer = await readAnswer(refused);
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    expect(JSON.parse(answer.body)).toMatchObject({ error_code: 'QUEUE_FULL' });
    refused.destroy();
    expect((await post('b', `"${'y'.repeat(MAX_BODY - 2)}"`)).status).toBe(201);
    expect(admissions.held.bodyBytes).toBe(2 * MAX_BODY);
    sockets.forEach((socket) => socket.destroy());
    await until('all to be given back', WAIT_MS, () => admissions.held.bodyBytes === 0);
    expect((await post('a', '1')).status).toBe(201);
    await until('all to be given back', WAIT_MS, () => admissions.held.requests === 0);
  });

  it('are given up with 408, long before the request times out', async () => {
    await start({ bodyWindowMs: 100 });
    const socket = await stalledUpload('a');
    const ended = new Promise((resolve) => socket.once('close', resolve));
    const answer = await readAnswer(socket);
    expect(answer).toMatchObject({ status: 408 });
    expect(JSON.parse(answer.body)).toMatchObject({ error_code: 'REQUEST_INVALID' });
    await ended;
    await until('all to be given back', WAIT_MS, () => admissions.held.requests === 0);
    expect(admissions.held).toEqual({ requests: 0, bodyBytes: 0 });
  });
});

describe('requests under way', () => {
  it('are bounded by tenant and in all; probes are answered', async () => {
    await start({ maxRequests: 4 });
    const first = [get('/v1/pause', 'a'), get('/v1/pause', 'a')];
    await until('two to be under way', WAIT_MS, () => admissions.held.requests === 2);
    expect(await get('/v1/pause', 'a')).toMatchObject({
      status: 429,
      retryAfter: '1',
      body: { error_code: 'QUEUE_FULL', retryable: true },
    });
    const others = [get('/v1/pause', 'b'), get('/v1/pause', 'c')];
    await until('four to be under way', WAIT_MS, () => admissions.held.requests === 4);
    expect(await get('/v1/pause', 'd')).toMatchObject({
      status: 503,
      retryAfter: '1',
      body: { error_code: 'SERVER_BUSY' },
    });
    expect(await get('/v1/health', '')).toMatchObject({ status: 200 });
    pauses.forEach((resume) => resume());
    expect((await Promise.all([...first, ...others])).map(({ status }) => status)).toEqual([
      200, 200, 200, 200,
    ]);
    await until('all to be given back', WAIT_MS, () => admissions.held.requests === 0);
    const again = get('/v1/pause', 'a');
    await until('one to be under way', WAIT_MS, () => admissions.held.requests === 1);
    pauses.forEach((resume) => resume());
    expect((await again).status).toBe(200);
  });
});
