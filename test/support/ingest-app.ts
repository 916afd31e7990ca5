import { randomBytes } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { ConfigModule, loadSettings } from '../../src/config/index.js';
import { DatabaseModule } from '../../src/database/index.js';
import { createHttpAdapter, HttpModule } from '../../src/http/index.js';
import { createLogger, KernelModule } from '../../src/kernel/index.js';
import { IngestHttpModule } from '../../src/modules/ingest/index.js';
import { SNAPSHOTS_ENTITIES } from '../../src/modules/snapshots/index.js';
import { TABLES_ENTITIES, TablesHttpModule } from '../../src/modules/tables/index.js';
import {
  ApiKeysService,
  TENANCY_ENTITIES,
  TenancyHttpModule,
  TenantsService,
  type KeyRole,
} from '../../src/modules/tenancy/index.js';

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface Call {
  readonly key: string;
  /** Sent as JSON, unless it is text or bytes already. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A process with tenancy, tables and ingest, but nothing that publishes events. */
export interface IngestApp {
  readonly nest: NestFastifyApplication;
  readonly database: DataSource;
  readonly call: (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, call: Call) => Promise<Answer>;
  /** A new tenant with one key for each of the roles asked for. */
  readonly tenant: <R extends KeyRole>(
    ...roles: R[]
  ) => Promise<{ readonly id: string } & Readonly<Record<R, string>>>;
  readonly close: () => Promise<void>;
}

export async function startIngestApp(databaseUrl: string): Promise<IngestApp> {
  const settings = loadSettings({
    TIDEMARK_KEY_PEPPER: 'a pepper for the tests',
    TIDEMARK_PLATFORM_KEY: 'platform-key-of-the-tests',
    TIDEMARK_HTTP_MAX_BODY_BYTES: String(1024 * 1024),
  });
  const logger = createLogger('silent');
  const module = await Test.createTestingModule({
    imports: [
      KernelModule.forRoot(logger),
      ConfigModule.forSettings(settings),
      DatabaseModule.forRoot({
        url: databaseUrl,
        poolMax: 6,
        entities: [...TENANCY_ENTITIES, ...TABLES_ENTITIES, ...SNAPSHOTS_ENTITIES],
      }),
      HttpModule,
      TenancyHttpModule,
      TablesHttpModule,
      IngestHttpModule,
    ],
  }).compile();
  const nest = module.createNestApplication<NestFastifyApplication>(createHttpAdapter(settings.http, logger));
  await nest.listen(0, '127.0.0.1');
  const origin = await nest.getUrl();

  return {
    nest,
    database: module.get(DataSource),
    call: async (method, url, { key, body, headers }) => {
      const raw = typeof body === 'string' || Buffer.isBuffer(body);
      const answer = await fetch(origin + url, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: raw ? body : JSON.stringify(body) }),
      });
      const text = await answer.text();
      const parsed = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
      return { status: answer.status, body: parsed, headers: Object.fromEntries(answer.headers) };
    },
    tenant: async (...roles) => {
      const id = `t-${randomBytes(6).toString('hex')}`;
      await module.get(TenantsService, { strict: false }).create({ tenantId: id });
      const keys = module.get(ApiKeysService, { strict: false });
      const entries = await Promise.all(
        roles.map(async (role) => [
          role,
          (await keys.create(id, { name: role, roles: [role], expiresAt: undefined })).key,
        ]),
      );
      return { id, ...(Object.fromEntries(entries) as Record<(typeof roles)[number], string>) };
    },
    close: () => nest.close(),
  };
}

/** Paths that a refusal names. */
export function violationPaths({ body }: Answer): string[] {
  const { violations = [] } = body.context as { violations?: { path: string }[] };
  return violations.map((violation) => violation.path);
}
