import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { zstdCompressSync } from 'node:zlib';
import { createLogger, FIRST_USER_FIELD_ID, type Column } from '../src/kernel/index.js';
import { DuckDbWriteEngine } from '../src/modules/engine/write-engine.duckdb.js';
import { EVENT_COLUMNS, payload } from './support/events.js';
import { percentile, printTable } from './support/table.js';

const BATCH = 2000;
const SQL_TYPES: Record<string, string> = { long: 'BIGINT', string: 'VARCHAR' };
const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '9' },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  console.log(
    'parquet: bodies of the bus to typed, sorted Parquet with field ids and statistics, against raw DuckDB',
  );
  console.log('read_json and COPY of the same events in one file.   --events N  --rounds N');
} else await compare(Number(options.events), Number(options.rounds));

async function compare(events: number, rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-parquet-'));
  chmodSync(folder, 0o711);
  const engine = new DuckDbWriteEngine({
    concurrency: 1,
    memoryBytes: 1024 ** 3,
    threads: availableParallelism(),
    scratchDir: folder,
    logger: createLogger('silent'),
  });
  const duckdb = await (await DuckDBInstance.create(':memory:')).connect();
  try {
    const bodyFile = join(folder, 'body.ndjson.zst');
    writeBodies(bodyFile, events);
    const seconds = { raw: [] as number[], engine: [] as number[] };
    for (let round = -2; round < rounds; round++) {
      const raw = await timed(() =>
        duckdb.run(`COPY (SELECT * FROM read_json('${bodyFile}', format = 'newline_delimited', compression = 'zstd',
          columns = ${rawColumns()})) TO '${join(folder, 'raw.parquet')}' (FORMAT parquet, COMPRESSION zstd)`),
      );
      const ours = await timed(() => writeParquet(engine, bodyFile, folder, events));
      if (round < 0) continue;
      seconds.raw.push(raw);
      seconds.engine.push(ours);
    }
    const base = events / percentile(seconds.raw, 0.5);
    const rate = events / percentile(seconds.engine, 0.5);
    printTable(
      `Bodies to Parquet, ${events.toLocaleString('en')} events, median of ${rounds} rounds`,
      ['what', 'events/s', 'of raw'],
      [
        ['raw DuckDB: read_json and COPY, not sorted', base, 1],
        ['Tidemark: typed, sorted, ids, statistics, SHA-256', rate, rate / base],
      ],
    );
  } finally {
    duckdb.closeSync();
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bodies as the bus has them. Both sides read this file. */
function writeBodies(bodyFile: string, events: number): void {
  const frames: Buffer[] = [];
  for (let first = 0; first < events; first += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, events - first) }, (_, n) => first + n);
    const body = (i: number) => {
      const { amount, ...rest } = payload(i);
      return JSON.stringify({ ...rest, amount: Number(amount).toFixed(2) });
    };
    const lines = numbers.map(
      (i) => `{"b":${first / BATCH},"o":${i - first},"op":"insert","k":"order-${i}","p":${body(i)}}\n`,
    );
    frames.push(zstdCompressSync(lines.join('')));
  }
  writeFileSync(bodyFile, Buffer.concat(frames));
}

function rawColumns(): string {
  const columns = EVENT_COLUMNS.map(({ name, type }) => `${name} ${SQL_TYPES[type] ?? type.toUpperCase()}`);
  const payloadType = columns.join(', ');
  return `{b: 'BIGINT', o: 'INTEGER', op: 'VARCHAR', k: 'VARCHAR', e: 'TIMESTAMPTZ', p: 'STRUCT(${payloadType})'}`;
}

async function writeParquet(
  engine: DuckDbWriteEngine,
  bodyFile: string,
  folder: string,
  events: number,
): Promise<void> {
  const columns: Column[] = EVENT_COLUMNS.map(({ name, type }, i) => ({
    id: FIRST_USER_FIELD_ID + i,
    name,
    type,
    nullable: true,
  }));
  await engine.writeParquet({
    inputs: [{ bodyFile, columns }],
    batches: Array.from({ length: Math.ceil(events / BATCH) }, (_, b) => ({
      batchId: b,
      firstToken: 1 + b * BATCH,
      ingestedAt: new Date(1_790_000_000_000 + b * 100).toISOString(),
    })),
    columns,
    sortBy: [],
    output: join(folder, 'events.parquet'),
    expectedRows: events,
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}
