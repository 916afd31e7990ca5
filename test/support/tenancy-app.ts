import { once } from 'node:events';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Body, Controller, Get, Global, Module, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { ConfigModule, loadSettings } from '../../src/config/index.js';
import { DatabaseModule } from '../../src/database/index.js';
import { createHttpAdapter, HttpModule } from '../../src/http/index.js';
import { CLOCK, createLogger, LOGGER, systemClock, type Clock } from '../../src/kernel/index.js';
import {
  Caller,
  Public,
  Roles,
  TENANCY_ENTITIES,
  TenancyHttpModule,
  type CallerIdentity,
} from '../../src/modules/tenancy/index.js';

export const PLATFORM_KEY = 'platform-key-of-the-tests';

/** What the answers' bodies have, one or the other. */
export interface AnswerBody {
  readonly [field: string]: unknown;
  readonly detail?: string;
  readonly error_code?: string;
  readonly context?: { readonly violations?: readonly { readonly path: string }[] };
  readonly next_cursor?: string | null;
  readonly tenants?: readonly { readonly tenant_id: string }[];
  readonly keys?: readonly object[];
}

export interface Answer {
  readonly status: number;
  /** Parsed where it is JSON, else text. */
  readonly body: AnswerBody;
  readonly headers: Readonly<Record<string, unknown>>;
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** A process with the tenancy module, the HTTP layer and three trial calls: `bare`, `open` and `write`. */
export interface TenancyApp {
  readonly nest: NestFastifyApplication;
  readonly database: DataSource;
  /** How far its clock runs ahead of the system's, so that caches and keys grow old without waiting. */
  aheadMs: number;
  readonly call: (
    method: Method,
    url: string,
    options?: { readonly key?: string; readonly body?: unknown; readonly authorization?: string },
  ) => Promise<Answer>;
  readonly platform: (method: Method, url: string, body?: unknown) => Promise<Answer>;
  /** A new key of the tenant; an ingest_writer where `body` does not say. */
  readonly issue: (
    tenant: string,
    body?: object,
  ) => Promise<{ readonly key: string; readonly key_id: string }>;
  /** A call that needs ingest_writer. */
  readonly write: (key: string) => Promise<Answer>;
  readonly close: () => Promise<void>;
}

@Controller('v1/trial')
class TrialController {
  @Get('bare') bare(): string {
    return 'reached';
  }
  @Public() @Get('open') open(): string {
    return 'reached';
  }
  @Roles('ingest_writer') @Post('write') write(
    @Body() body: unknown,
    @Caller() caller: CallerIdentity,
  ): object {
    return { body, caller };
  }
}

export async function startTenancyApp(databaseUrl: string): Promise<TenancyApp> {
  const settings = loadSettings({
    TIDEMARK_KEY_PEPPER: 'a pepper for the tests',
    TIDEMARK_PLATFORM_KEY: PLATFORM_KEY,
  });
  const logger = createLogger('silent');
  const ahead = { ms: 0 };
  const clock: Clock = {
    now: () => Date.now() + ahead.ms,
    sleep: (ms, signal) => systemClock.sleep(ms, signal),
  };

  @Global()
  @Module({
    controllers: [TrialController],
    providers: [
      { provide: LOGGER, useValue: logger },
      { provide: CLOCK, useValue: clock },
    ],
    exports: [LOGGER, CLOCK],
  })
  class KernelForTests {}

  const module = await Test.createTestingModule({
    imports: [
      KernelForTests,
      ConfigModule.forSettings(settings),
      DatabaseModule.forRoot({ url: databaseUrl, poolMax: 4, entities: TENANCY_ENTITIES }),
      HttpModule,
      TenancyHttpModule,
    ],
  }).compile();
  const adapter = createHttpAdapter(settings.http, logger);
  const nest = module.createNestApplication<NestFastifyApplication>(adapter);
  await nest.listen(0, '127.0.0.1');
  const { port } = nest.getHttpServer().address() as AddressInfo;

  const call: TenancyApp['call'] = async (method, url, { key, body, authorization } = {}) => {
    const headers: Record<string, string> = {};
    const header = authorization ?? (key === undefined ? undefined : `Bearer ${key}`);
    if (header !== undefined) headers.authorization = header;
    if (body !== undefined) headers['content-type'] = 'application/json';
    return send({ port, method, path: url, headers }, body === undefined ? undefined : JSON.stringify(body));
  };
  const platform: TenancyApp['platform'] = (method, url, body) =>
    call(method, url, { key: PLATFORM_KEY, body });
  return {
    nest,
    database: module.get(DataSource),
    get aheadMs() {
      return ahead.ms;
    },
    set aheadMs(ms: number) {
      ahead.ms = ms;
    },
    call,
    platform,
    issue: async (tenant, body) => {
      const request = { name: 'a key', roles: ['ingest_writer'], ...body };
      const answer = await platform('POST', `/v1/tenants/${tenant}/keys`, request);
      if (answer.status !== 201) throw new Error(`no key was made: ${JSON.stringify(answer.body)}`);
      return answer.body as unknown as { key: string; key_id: string };
    },
    write: (key) => call('POST', '/v1/trial/write', { key, body: { a: 1 } }),
    close: () => nest.close(),
  };
}

/** On a connection of its own, so that none is left open. */
async function send(options: RequestOptions, body: string | undefined): Promise<Answer> {
  const sending = request({ host: '127.0.0.1', agent: false, ...options });
  sending.end(body);
  const [answer] = (await once(sending, 'response')) as [IncomingMessage];
  const content = await text(answer);
  const json = String(answer.headers['content-type']).includes('json');
  const parsed = (json ? JSON.parse(content) : content) as AnswerBody;
  return { status: answer.statusCode ?? 0, body: parsed, headers: answer.headers };
}
