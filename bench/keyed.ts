import { parseArgs } from 'node:util';
import { ok, startStack, type Stack } from './support/stack.js';
import { percentile, printTable } from './support/table.js';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '5000000' },
    commits: { type: 'string', default: '50' },
    rounds: { type: 'string', default: '7' },
    help: { type: 'boolean', default: false },
  },
});

/** Rows of one request of the load, which is one commit. */
const LOAD_ROWS = 100_000;
const CHANGED = 0.01;

const QUERIES = [
  ['count', 'SELECT count(*) FROM {table}'],
  ['sums by group', 'SELECT g, count(*), sum(v) FROM {table} GROUP BY g ORDER BY g'],
  ['one key', 'SELECT * FROM {table} WHERE id = 77'],
] as const;

if (options.help) {
  console.log(
    'keyed: a table with a primary key of which 1 % was changed in many commits, against a table without a key',
  );
  console.log('that has the same rows, over HTTP.   --rows N  --commits N  --rounds N');
} else await compare(Number(options.rows), Number(options.commits), Number(options.rounds));

async function compare(rows: number, commits: number, rounds: number): Promise<void> {
  const stack = await startStack({
    TIDEMARK_COMMIT_TARGET_ROWS: String(LOAD_ROWS),
  });
  try {
    const columns = [
      { name: 'id', type: 'long' },
      { name: 'g', type: 'int' },
      { name: 'v', type: 'double' },
      { name: 's', type: 'string' },
    ];
    for (const [table_name, primary_key_cols] of [
      ['keyed', ['id']],
      ['plain', []],
    ] as const) {
      await ok(
        stack.call('POST', '/v1/tables', stack.adminKey, {
          table_name,
          primary_key_cols,
          schema: { columns },
        }),
      );
    }
    for (let from = 0; from < rows; from += LOAD_ROWS) {
      const ids = Array.from({ length: Math.min(LOAD_ROWS, rows - from) }, (_, n) => from + n);
      await write(stack, 'keyed', ids, 0);
    }
    const each = Math.round((rows * CHANGED) / commits);
    const version = new Map<number, number>();
    for (let commit = 1; commit <= commits; commit += 1) {
      const ids = Array.from({ length: each }, (_, n) => spread(commit * each + n, rows));
      for (const id of ids) version.set(id, commit);
      await write(stack, 'keyed', ids, commit);
    }
    // The rows that the keyed table shows, in as many files.
    for (let from = 0; from < rows; from += LOAD_ROWS) {
      const ids = Array.from({ length: Math.min(LOAD_ROWS, rows - from) }, (_, n) => from + n);
      await write(stack, 'plain', ids, (id) => version.get(id) ?? 0);
    }
    await report(stack, rows, commits, rounds);
  } finally {
    await stack.stop();
  }
}

/** Different numbers for different `n` below `size`, all over the range. */
function spread(n: number, size: number): number {
  return Number((BigInt(n) * 2_654_435_761n) % BigInt(size));
}

async function write(
  stack: Stack,
  table: string,
  ids: readonly number[],
  version: number | ((id: number) => number),
): Promise<void> {
  const lines = ids.map((id) => {
    const v = typeof version === 'number' ? version : version(id);
    return `{"payload":{"id":${id},"g":${id % 100},"v":${(id * 7919) % 10007}.5,"s":"version ${v} of ${id}"}}`;
  });
  await ok(
    fetch(`${stack.apiUrl}/v1/ingest/${table}?wait_for_visibility=true&visibility_timeout_ms=60000`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${stack.writerKey}`,
        'content-type': 'application/x-ndjson',
        'idempotency-key': `${table}-${ids[0]}-${ids.length}-${String(version).slice(0, 9)}`,
      },
      body: lines.join('\n'),
    }),
  );
}

async function report(stack: Stack, rows: number, commits: number, rounds: number): Promise<void> {
  const lines: [string, number, number, number][] = [];
  for (const [name, sql] of QUERIES) {
    const times = { keyed: [] as number[], plain: [] as number[] };
    for (let round = -2; round < rounds; round += 1) {
      const answers: string[] = [];
      // One after the other in each round, so that what else goes on meets both.
      for (const table of ['plain', 'keyed'] as const) {
        const startedAt = performance.now();
        const response = await ok(
          stack.call('POST', '/v1/query', stack.adminKey, { sql: sql.replace('{table}', table) }),
        );
        const { rows: found } = (await response.json()) as { rows: unknown[][] };
        if (round >= 0) times[table].push(performance.now() - startedAt);
        answers.push(JSON.stringify(name === 'one key' ? found[0]?.slice(0, 4) : found));
      }
      if (answers[0] !== answers[1]) throw new Error(`${name}: ${answers.join(' and ')}`);
    }
    const [keyed, plain] = [percentile(times.keyed, 0.5), percentile(times.plain, 0.5)];
    lines.push([name, plain, keyed, keyed / plain]);
  }
  printTable(
    `${rows.toLocaleString('en')} rows, 1 % of them changed in ${commits} commits, over HTTP, median of ${rounds} rounds`,
    ['query', 'plain, ms', 'keyed, ms', 'keyed / plain'],
    lines,
  );
}
