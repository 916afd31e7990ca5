import type { DataSource } from 'typeorm';
import type { IngestBus } from '../../src/modules/bus/index.js';
import { PostgresIngestBus } from '../../src/modules/bus/ingest-bus.postgres.js';
import { purgeClaims } from '../../src/modules/bus/sql/purge-claims.js';
import {
  insertPendingFile,
  insertTable,
  insertTenant,
  openTestCatalog,
  type TestCatalog,
} from '../support/catalog.js';
import { record } from '../support/bus-requests.js';

/** Commits of one phase: claims pass the threshold of their vacuum in each. */
const COMMITS = 500;
const LOOK_EVERY = 50;
/** More than find room on a page beside their next versions, unless it is kept for them. */
const KEYS = 200;
/** Where in its course a phase has its vacuums is not the same each time. */
const PHASE_SLACK = 1.25;
const TENANT = 'acme';
const never = new AbortController().signal;

/** What steady load updates but does not add to: these must not grow at all. */
const UPDATED = ['tenant_clock', 'tenant_head', 'ingest_generation', 'api_key'];
/** What is added and purged: no growth once the oldest is as old as its history. */
const PURGED = ['ingest_claim_batch', 'ingest_claim_item'];
/** What grows with the data, and leaves dead rows on the way. */
const KEPT = ['data_file'];

let catalog: TestCatalog;
let dataSource: DataSource;
let bus: IngestBus;
let tableId: number;
let sent = 0;

beforeEach(async () => {
  catalog = await openTestCatalog();
  ({ dataSource } = catalog);
  bus = new PostgresIngestBus(dataSource, catalog.transactions);
  await insertTenant(dataSource, TENANT);
  tableId = (await insertTable(catalog, TENANT, 'events')).tableId;
  await dataSource.query(
    `INSERT INTO api_key (key_id, tenant_id, name, key_hash, roles)
     SELECT 'k-' || n, $1, 'a key', sha256(n::text::bytea), '{ops_admin}' FROM generate_series(1, $2) n`,
    [TENANT, KEYS],
  );
});
afterEach(() => catalog.close());

/** An ingest, a claim, an extension, a file and a publication, as the coordinator makes them. */
async function commit(): Promise<void> {
  sent += 1;
  const [epoch] = await dataSource.query<{ catalog_epoch: number }[]>(
    `SELECT catalog_epoch FROM tenant_clock WHERE tenant_id = $1`,
    [TENANT],
  );
  const request = {
    tenantId: TENANT,
    tableId,
    windowClass: '1h' as const,
    schemaVersion: 1,
    catalogEpoch: epoch?.catalog_epoch ?? 0,
    requestKey: undefined,
    records: [record({ key: `k-${sent}` })],
  };
  await bus.append({ ...request, revalidate: () => Promise.reject(new Error('no epoch was raised')) });
  const claim = await bus.claim(TENANT, 'test', { maxRows: 1000, maxBytes: 1 << 20 }, 30_000);
  if (claim === undefined) throw new Error('nothing to claim');
  await bus.extendLease(claim, 30_000);
  const { baseToken, lastToken } = claim;
  const fileId = await insertPendingFile(catalog, TENANT, tableId, { first: lastToken, last: lastToken });
  await catalog.publisher.append(
    {
      tenantId: TENANT,
      publicationId: crypto.randomUUID(),
      baseToken,
      lastToken,
      tables: [{ tableId, maxVisibilityToken: lastToken, eventCount: 1, fileIds: [fileId] }],
      createdBy: 'test',
      fence: (tx) => bus.fence(tx, claim),
    },
    never,
  );
}

/** Vacuums what autovacuum would, by the settings of each table and the server's own. */
async function vacuumWhereDue(): Promise<void> {
  await dataSource.query(`SELECT pg_stat_force_next_flush()`);
  const due = await dataSource.query<{ name: string }[]>(
    `SELECT c.relname AS name
     FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid
     CROSS JOIN LATERAL (
       SELECT coalesce(max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_threshold'),
                       current_setting('autovacuum_vacuum_threshold'))::float8 AS threshold,
              coalesce(max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_scale_factor'),
                       current_setting('autovacuum_vacuum_scale_factor'))::float8 AS factor
       FROM pg_options_to_table(c.reloptions)
     ) o
     WHERE c.relname = ANY ($1) AND s.n_dead_tup > o.threshold + o.factor * greatest(c.reltuples, 0)`,
    [[...UPDATED, ...PURGED, ...KEPT]],
  );
  for (const { name } of due) await dataSource.query(`VACUUM (ANALYZE) ${name}`);
}

/** Bytes of each table with its indexes. */
async function sizes(tables: readonly string[]): Promise<Record<string, number>> {
  const rows = await dataSource.query<{ name: string; bytes: number }[]>(
    `SELECT n AS name, pg_total_relation_size(n::regclass) AS bytes FROM unnest($1::text[]) n`,
    [tables],
  );
  return Object.fromEntries(rows.map(({ name, bytes }) => [name, bytes]));
}

async function deadRows(table: string): Promise<number> {
  await dataSource.query(`SELECT pg_stat_force_next_flush()`);
  const [row] = await dataSource.query<{ dead: number }[]>(
    `SELECT n_dead_tup AS dead FROM pg_stat_user_tables WHERE relname = $1`,
    [table],
  );
  return row?.dead ?? NaN;
}

/** The part of updates that touched no index and can be cleaned up by whoever reads the page. */
async function hotShares(): Promise<Record<string, number>> {
  await dataSource.query(`SELECT pg_stat_force_next_flush()`);
  const rows = await dataSource.query<{ name: string; share: number }[]>(
    `SELECT relname AS name, n_tup_hot_upd::float8 / n_tup_upd AS share FROM pg_stat_user_tables
     WHERE relname = ANY ($1) AND n_tup_upd > 0`,
    [UPDATED],
  );
  return Object.fromEntries(rows.map(({ name, share }) => [name, share]));
}

/** Steady load, with what goes with time. Answers the largest size that each table had at a look. */
async function phase(): Promise<Record<string, number>> {
  const peaks: Record<string, number> = {};
  for (let n = 0; n < COMMITS; n += 1) {
    await commit();
    if (n % LOOK_EVERY !== 0) continue;
    await purgeClaims(dataSource, 0, 1000);
    await dataSource.query(`UPDATE ingest_generation SET number = number`);
    await dataSource.query(`UPDATE api_key SET last_used_at = clock_timestamp()`);
    await vacuumWhereDue();
    for (const [name, bytes] of Object.entries(await sizes([...UPDATED, ...PURGED]))) {
      peaks[name] = Math.max(peaks[name] ?? 0, bytes);
    }
  }
  return peaks;
}

it('leaves tables and dead rows as they are, from one phase of steady load to the next', async () => {
  // The first makes its room.
  await phase();
  const second = await phase();
  const third = await phase();
  for (const table of UPDATED) expect([table, third[table]]).toEqual([table, second[table]]);
  for (const table of PURGED) {
    const grown = (third[table] ?? NaN) / (second[table] ?? NaN);
    expect([table, grown, grown <= PHASE_SLACK]).toEqual([table, grown, true]);
  }
  for (const [table, share] of Object.entries(await hotShares())) {
    expect([table, share, share > 0.9]).toEqual([table, share, true]);
  }
  // Without a vacuum it would be one for each file.
  expect(await deadRows('data_file')).toBeLessThan(2.5 * COMMITS);
}, 180_000);
