import { connect, type Socket } from 'node:net';
import { Global, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createHttpAdapter, HttpModule, serveApiDocs, type HttpTimeouts } from '../../src/http/index.js';
import { createLogger, LOGGER } from '../../src/kernel/index.js';

export interface HttpApp {
  readonly app: NestFastifyApplication;
  readonly port: number;
  readonly url: (path: string) => string;
}

/** A small application on the product's HTTP layer, listening on a free port. */
export async function startHttpApp(options: {
  readonly controllers?: Type[];
  readonly imports?: Type[];
  readonly maxBodyBytes?: number;
  readonly maxInflatedBytes?: number;
  readonly maxRequests?: number;
  readonly timeouts?: Partial<HttpTimeouts>;
}): Promise<HttpApp> {
  const logger = createLogger('silent');

  @Global()
  @Module({ providers: [{ provide: LOGGER, useValue: logger }], exports: [LOGGER] })
  class LoggerModule {}

  @Module({
    imports: [LoggerModule, HttpModule, ...(options.imports ?? [])],
    controllers: options.controllers ?? [],
  })
  class RootModule {}

  const limits = {
    maxBodyBytes: options.maxBodyBytes ?? 1024 * 1024,
    maxInflatedBytes: options.maxInflatedBytes ?? 4 * 1024 * 1024,
    maxRequests: options.maxRequests ?? 1000,
  };
  const adapter = createHttpAdapter(limits, logger, options.timeouts);
  const app = await NestFactory.create<NestFastifyApplication>(RootModule, adapter, { logger: false });
  serveApiDocs(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  return { app, port, url: (path) => `http://127.0.0.1:${port}${path}` };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Sends text as it is and answers all that comes back until the server closes or `content-length` is reached. */
export async function sendRaw(port: number, text: string | Buffer): Promise<RawAnswer> {
  const socket = await openSocket(port);
  socket.write(text);
  try {
    return await readAnswer(socket);
  } finally {
    socket.destroy();
  }
}

export function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** The next final answer on the connection; "100 Continue" is passed over. */
export function readAnswer(socket: Socket): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    let received = '';
    const finish = () => {
      const answer = parseAnswer(
        received.replace(/^HTTP\/1\.1 100 [^]*?\r\n\r\n/, ''),
        socket.destroyed || socket.readableEnded,
      );
      if (answer !== undefined) resolve(answer);
      return answer !== undefined;
    };
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      finish();
    });
    socket.once('close', () => {
      if (!finish()) reject(new Error(`the connection closed after: ${received}`));
    });
    socket.on('error', () => undefined);
  });
}

function parseAnswer(text: string, ended: boolean): RawAnswer | undefined {
  const split = text.indexOf('\r\n\r\n');
  if (split === -1) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, split).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  const body = text.slice(split + 4);
  if (!ended && body.length < Number(headers['content-length'] ?? Infinity)) return undefined;
  return { status: Number(statusLine.split(' ')[1]), headers, body };
}
