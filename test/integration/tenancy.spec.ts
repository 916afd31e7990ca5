import { Global, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { ConfigModule, loadSettings } from '../../src/config/index.js';
import { DatabaseModule, Notifications } from '../../src/database/index.js';
import { CLOCK, createLogger, LOGGER, systemClock } from '../../src/kernel/index.js';
import {
  ApiKeysService,
  TENANCY_ENTITIES,
  TenancyModule,
  TenantsService,
} from '../../src/modules/tenancy/index.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let app: TestingModule;
let tenants: TenantsService;
let keys: ApiKeysService;
let dataSource: DataSource;

@Global()
@Module({
  providers: [
    { provide: LOGGER, useFactory: () => createLogger('silent') },
    { provide: CLOCK, useValue: systemClock },
  ],
  exports: [LOGGER, CLOCK],
})
class KernelForTests {}

beforeAll(async () => {
  database = await createTestDatabase();
  const settings = loadSettings({ TIDEMARK_KEY_PEPPER: 'a pepper for the tests' });
  const options = { url: database.url, poolMax: 8, entities: TENANCY_ENTITIES };
  app = await Test.createTestingModule({
    imports: [
      KernelForTests,
      ConfigModule.forSettings(settings),
      DatabaseModule.forRoot(options),
      TenancyModule,
    ],
  }).compile();
  await app.init();
  tenants = app.get(TenantsService);
  keys = app.get(ApiKeysService);
  dataSource = app.get(DataSource);
});

afterAll(async () => {
  await app?.close();
  await database?.drop();
});

const rows = <Row>(text: string, ...values: unknown[]) => dataSource.query<Row[]>(text, values);

describe('tenants', () => {
  it('are made with clock, head and an empty root snapshot', async () => {
    const tenant = await tenants.create({ tenantId: 'born', name: 'Born Ltd' });
    expect(tenant).toMatchObject({ tenantId: 'born', name: 'Born Ltd', status: 'active' });
    expect(Math.abs(tenant.createdAt.getTime() - Date.now())).toBeLessThan(60_000);
    expect(await rows('SELECT * FROM tenant_clock WHERE tenant_id = $1', 'born')).toEqual([
      { tenant_id: 'born', last_token: 0, catalog_epoch: 0 },
    ]);
    const [snapshot, ...more] = await rows<{ snapshot_id: number }>(
      'SELECT * FROM snapshot WHERE tenant_id = $1',
      'born',
    );
    expect(more).toEqual([]);
    expect(snapshot).toMatchObject({
      parent_snapshot_id: null,
      operation: 'schema',
      max_visibility_token: 0,
      sequence_number: 0,
    });
    expect(await rows('SELECT * FROM tenant_head WHERE tenant_id = $1', 'born')).toEqual([
      {
        tenant_id: 'born',
        snapshot_id: snapshot?.snapshot_id,
        published_token: 0,
        last_sequence_number: 0,
        restore_epoch: 0,
      },
    ]);
  });

  it('are made once, however many ask at once', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => tenants.create({ tenantId: 'once', name: `attempt ${i}` })),
    );
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected')
        expect(result.reason).toMatchObject({ code: 'TENANT_ALREADY_EXISTS' });
    }
    expect(await rows('SELECT 1 FROM snapshot WHERE tenant_id = $1', 'once')).toHaveLength(1);
  });

  it.each(['', 'Acme', '1a', 'a_b', 'a b', '-a', 'é', 'a'.repeat(64), 'a\n', 'a\0'])(
    'may not be called %j, and are not found by it',
    async (tenantId) => {
      await expect(tenants.create({ tenantId })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
      await expect(tenants.get(tenantId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(tenants.disable(tenantId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    },
  );

  it('are listed by id, page by page', async () => {
    for (const tenantId of ['list-c', 'list-a', 'list-b']) await tenants.create({ tenantId });
    const first = await tenants.list(2, 'list-');
    expect(first.map((tenant) => tenant.tenantId)).toEqual(['list-a', 'list-b']);
    const second = await tenants.list(1, 'list-b');
    expect(second.map((tenant) => tenant.tenantId)).toEqual(['list-c']);
  });

  it('raise their catalog epoch when they are disabled and when they come back, and tell it', async () => {
    await tenants.create({ tenantId: 'epoch' });
    const heard: string[] = [];
    const told = new Promise<void>((resolve) => {
      app.get(Notifications).subscribe('tidemark_catalog', (payload) => {
        heard.push(payload);
        if (payload === 'epoch:2') resolve();
      });
    });
    await listening();
    const epoch = () => rows('SELECT catalog_epoch AS epoch FROM tenant_clock WHERE tenant_id = $1', 'epoch');
    expect(await tenants.disable('epoch')).toMatchObject({ status: 'disabled' });
    expect(await epoch()).toEqual([{ epoch: 1 }]);
    await tenants.disable('epoch');
    await tenants.update('epoch', { name: 'Another name' });
    expect(await epoch()).toEqual([{ epoch: 1 }]);
    expect(await tenants.update('epoch', { status: 'active' })).toMatchObject({
      name: 'Another name',
      status: 'active',
    });
    expect(await epoch()).toEqual([{ epoch: 2 }]);
    await told;
    expect(heard.every((payload) => /^epoch:[12]$/.test(payload))).toBe(true);
    expect(await tenants.get('epoch')).toMatchObject({ name: 'Another name', status: 'active' });
  });

  it('raise it once for changes of status at the same time', async () => {
    await tenants.create({ tenantId: 'race' });
    await Promise.all(Array.from({ length: 6 }, () => tenants.disable('race')));
    expect(
      await rows('SELECT catalog_epoch AS epoch FROM tenant_clock WHERE tenant_id = $1', 'race'),
    ).toEqual([{ epoch: 1 }]);
  });

  it('are not found where there are none', async () => {
    await expect(tenants.get('nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(tenants.update('nobody', { name: 'x' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('API keys', () => {
  const request = { name: 'a key', roles: ['ingest_writer'] as const };
  beforeAll(async () => {
    for (const tenantId of ['owner', 'stranger']) await tenants.create({ tenantId });
  });

  it('are kept as a hash only', async () => {
    const issued = await keys.create('owner', {
      name: 'hashed',
      roles: ['ops_admin', 'query_reader', 'ops_admin'],
    });
    expect(issued).toMatchObject({
      tenantId: 'owner',
      name: 'hashed',
      roles: ['query_reader', 'ops_admin'],
      expiresAt: null,
    });
    const [row] = await rows<Record<string, unknown>>(
      'SELECT * FROM api_key WHERE key_id = $1',
      issued.keyId,
    );
    expect(row?.key_hash).toHaveLength(32);
    expect(JSON.stringify(row)).not.toContain(issued.key.split('_')[2]);
    const listed = await keys.list('owner', 500);
    expect(JSON.stringify(listed)).not.toContain('Hash');
    expect(listed.map((key) => key.keyId)).toContain(issued.keyId);
  });

  it('of one name may overlap, for rotation', async () => {
    const [old, next] = [await keys.create('owner', request), await keys.create('owner', request)];
    expect(old.keyId).not.toBe(next.keyId);
    await keys.revoke('owner', old.keyId);
    expect((await keys.get('owner', old.keyId)).revokedAt).toBeInstanceOf(Date);
    expect((await keys.get('owner', next.keyId)).revokedAt).toBeNull();
  });

  it('are revoked once, and only by their own tenant', async () => {
    const { keyId } = await keys.create('owner', request);
    await expect(keys.revoke('stranger', keyId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(keys.get('stranger', keyId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await keys.get('owner', keyId)).revokedAt).toBeNull();
    await keys.revoke('owner', keyId);
    const { revokedAt } = await keys.get('owner', keyId);
    await keys.revoke('owner', keyId);
    expect((await keys.get('owner', keyId)).revokedAt).toEqual(revokedAt);
    for (const unknown of ['aaaaaaaaaaaa', 'x', '', '\0', 'A'.repeat(12)]) {
      await expect(keys.revoke('owner', unknown)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
  });

  it.each([
    ['$.name', { ...request, name: '' }],
    ['$.name', { ...request, name: 'a\nb' }],
    ['$.roles', { ...request, roles: [] }],
    ['$.roles', { ...request, roles: ['root' as 'ops_admin'] }],
    ['$.expires_at', { ...request, expiresAt: new Date(Date.now() - 1) }],
    ['$.expires_at', { ...request, expiresAt: new Date(NaN) }],
  ])('are refused with %s named', async (path, bad) => {
    await expect(keys.create('owner', bad)).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      context: { violations: [{ path }] },
    });
  });

  it('need a tenant', async () => {
    await expect(keys.create('nobody', request)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(keys.list('nobody', 10)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are listed in the order of creation, page by page', async () => {
    await tenants.create({ tenantId: 'pages' });
    const made: string[] = [];
    for (let i = 0; i < 5; i += 1) made.push((await keys.create('pages', request)).keyId);
    const seen: string[] = [];
    for (let after: string | undefined; seen.length < 5; after = seen.at(-1)) {
      const page = await keys.list('pages', 2, after);
      expect(page.length).toBeGreaterThan(0);
      seen.push(...page.map((key) => key.keyId));
    }
    expect(seen).toEqual(made);
    expect(await keys.list('pages', 2, seen.at(-1))).toEqual([]);
  });

  it('number a hundred live ones at most, also when made at once; revoked and expired ones do not count', async () => {
    await tenants.create({ tenantId: 'many' });
    await rows(`INSERT INTO api_key (key_id, tenant_id, name, key_hash, roles, expires_at, revoked_at)
      SELECT 'many' || lpad(n::text, 8, '0'), 'many', 'filled', sha256(n::text::bytea), '{ops_admin}',
             CASE WHEN n > 110 THEN now() - interval '1 second' END, CASE WHEN n BETWEEN 99 AND 110 THEN now() END
      FROM generate_series(1, 120) n`);
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => keys.create('many', request)));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(2);
    await expect(keys.create('many', request)).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      context: { max_live_keys: 100 },
    });
  });
});

/** Resolves when the listener's LISTEN has reached the server. */
async function listening(): Promise<void> {
  const text = `SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'tidemark listener' AND query LIKE 'LISTEN%' AND state = 'idle'`;
  while ((await rows(text)).length === 0);
}
