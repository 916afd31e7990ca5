import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { EVENT_COLUMNS, payload } from './support/events.js';
import { LoadClient } from './support/load.js';
import { ok, startStack, type Stack } from './support/stack.js';
import { percentile, printTable } from './support/table.js';

/** Between two rounds: the service is idle again, and its pause between two commits is over. */
const IDLE_MS = 400;
/** Rounds that do not count. */
const WARM_UP = 5;

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '60' }, help: { type: 'boolean', default: false } },
});

if (options.help) {
  console.log(
    'write-to-answer: from the POST of one event to the answer of a query that names its token, on an idle',
  );
  console.log(
    'service, against the sum of its floors: a commit, a Parquet file, a PUT, a query. An api and a coordinator;',
  );
  console.log('then one process that is both.   --rounds N (of each)');
} else {
  const rounds = Number(options.rounds);
  const rows = [
    ...(await compare(rounds, 'an api and a coordinator', 'two')),
    ...(await compare(rounds, 'one process', 'one')),
  ];
  printTable(
    `From a write to a query's answer, ${rounds} rounds on an idle service`,
    ['what', 'p50 ms', 'p95 ms', 'p50 of floors', 'p95 of floors'],
    rows,
  );
}

/** The rows of the floors and of the service, measured in turn. */
async function compare(
  rounds: number,
  name: string,
  processes: 'two' | 'one',
): Promise<(string | number)[][]> {
  const stack = await startStack({}, processes);
  try {
    await ok(
      stack.call('POST', '/v1/tables', stack.adminKey, {
        table_name: 'orders',
        schema: { columns: EVENT_COLUMNS },
      }),
    );
    const client = new LoadClient(stack.apiUrl, 2);
    const floors = await openFloors(stack);
    const sums: number[] = [];
    const answers: number[] = [];
    try {
      for (let n = 0; n < rounds + WARM_UP; n++) {
        const floor = await floors.once(n);
        const answer = await writeToAnswer(client, stack, n);
        if (n >= WARM_UP) {
          sums.push(floor);
          answers.push(answer);
        }
        await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
      }
    } finally {
      await client.close();
      await floors.close();
    }
    const row = (what: string, values: number[]) => [
      what,
      percentile(values, 0.5),
      percentile(values, 0.95),
      percentile(values, 0.5) / percentile(sums, 0.5),
      percentile(values, 0.95) / percentile(sums, 0.95),
    ];
    return [row(`floors, beside ${name}`, sums), row(`Tidemark, ${name}`, answers)];
  } finally {
    await stack.stop();
  }
}

async function writeToAnswer(client: LoadClient, stack: Stack, n: number): Promise<number> {
  const headers = { authorization: `Bearer ${stack.adminKey}`, 'content-type': 'application/json' };
  const startedAt = performance.now();
  const write = await client.post(
    '/v1/ingest/orders',
    headers,
    JSON.stringify({ records: [{ idempotency_key: `order-${n}`, payload: payload(n) }] }),
  );
  if (write.status !== 202) throw new Error(write.body);
  const token = (JSON.parse(write.body) as { max_visibility_token: number }).max_visibility_token;
  const query = { sql: 'SELECT count(*) FROM orders', min_visibility_token: token };
  const answer = await client.post('/v1/query', headers, JSON.stringify(query));
  if (answer.status !== 200) throw new Error(answer.body);
  return performance.now() - startedAt;
}

/** The four steps that no such service can do without, one after the other and with everything warm. */
async function openFloors({ databaseUrl, s3 }: Stack) {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-floors-'));
  const postgres = new pg.Client({ connectionString: databaseUrl });
  await postgres.connect();
  await postgres.query('CREATE TABLE bench_floor (n int, payload text)');
  const duckdb = await (await DuckDBInstance.create(':memory:')).connect();
  const bucket = 'tidemark-floors';
  const store = new S3Client({
    endpoint: s3.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
  });
  await store.send(new CreateBucketCommand({ Bucket: bucket }));
  return {
    async once(n: number): Promise<number> {
      const startedAt = performance.now();
      await postgres.query('INSERT INTO bench_floor VALUES ($1, $2)', [n, JSON.stringify(payload(n))]);
      const file = join(folder, `${n}.parquet`);
      await duckdb.run(
        `COPY (SELECT ${n} AS id, 'customer' AS customer, 1.25::DECIMAL(18,2) AS amount, now() AS created)
         TO '${file}' (FORMAT parquet, COMPRESSION zstd)`,
      );
      const bytes = readFileSync(file);
      createHash('sha256').update(bytes).digest();
      await store.send(new PutObjectCommand({ Bucket: bucket, Key: `${n}.parquet`, Body: bytes }));
      (await duckdb.runAndReadAll(`SELECT count(*) FROM read_parquet('${file}')`)).getRows();
      return performance.now() - startedAt;
    },
    async close(): Promise<void> {
      duckdb.closeSync();
      store.destroy();
      await postgres.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
