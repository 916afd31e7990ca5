import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { EVENT_COLUMNS, requestBody } from './support/events.js';
import { drive, LoadClient } from './support/load.js';
import { processTree, proportionalMiB, residentMiB } from './support/processes.js';
import { ok, startStack } from './support/stack.js';
import { startLine } from './support/start-line.js';
import { printTable } from './support/table.js';

const BATCH = 500;
const CLIENTS = 4;
const STEPS = 10;
const SETTLE_MS = 10_000;

const { values: options } = parseArgs({
  options: { events: { type: 'string', default: '1000000' }, help: { type: 'boolean', default: false } },
});

if (options.help) {
  console.log(
    'memory: all processes of an idle embedded start, and the api process while events go in.  --events N',
  );
} else {
  await idleStart();
  await underLoad(Number(options.events));
}

async function idleStart(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-idle-'));
  const child = spawn(process.execPath, startLine(), {
    env: { PATH: process.env.PATH, TIDEMARK_DATA_DIR: join(folder, 'data'), TIDEMARK_HTTP_PORT: '0' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}`)));
    child.stdout.on('data', (text: Buffer) => text.includes('Tidemark listens') && resolve());
  });
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const rows = groupByName(processTree(child.pid ?? 0));
  const total = rows.reduce((sum, row) => sum + row.mib, 0);
  printTable(
    'An idle embedded start, after ten seconds',
    ['processes', 'count', 'PSS MiB'],
    [
      ...rows.map((row) => [row.name, String(row.count), row.mib]),
      ['all', String(rows.reduce((n, r) => n + r.count, 0)), total],
    ],
  );
  child.kill('SIGTERM');
  await once(child, 'exit');
  rmSync(folder, { recursive: true, force: true });
}

function groupByName(processes: readonly { pid: number; command: string }[]) {
  const groups = new Map<string, { name: string; count: number; mib: number }>();
  for (const { pid, command } of processes) {
    const script = command.split(' ').find((part) => part.endsWith('.js'));
    const name = script === undefined ? basename(command.split(/[ :]/)[0] ?? '') : basename(script);
    const group = groups.get(name) ?? { name, count: 0, mib: 0 };
    groups.set(name, { name, count: group.count + 1, mib: group.mib + proportionalMiB(pid) });
  }
  return [...groups.values()];
}

async function underLoad(events: number): Promise<void> {
  const stack = await startStack();
  try {
    await ok(
      stack.call('POST', '/v1/tables', stack.adminKey, {
        table_name: 'orders',
        schema: { columns: EVENT_COLUMNS },
      }),
    );
    const client = new LoadClient(stack.apiUrl, CLIENTS);
    const headers = { authorization: `Bearer ${stack.writerKey}`, 'content-type': 'application/json' };
    const perStep = events / BATCH / STEPS;
    const rows: (string | number)[][] = [];
    for (let step = 0; step < STEPS; step++) {
      await drive(perStep, CLIENTS, async (n) => {
        const first = (step * perStep + n) * BATCH;
        const response = await client.post(
          '/v1/ingest/orders',
          headers,
          requestBody(first, BATCH, 'counting'),
        );
        if (response.status !== 202) throw new Error(`${response.status} ${response.body}`);
      });
      rows.push([((step + 1) * perStep * BATCH).toLocaleString('en'), residentMiB(stack.api.pid ?? 0)]);
    }
    await client.close();
    printTable('The api process while events go in', ['events so far', 'RSS MiB'], rows);
  } finally {
    await stack.stop();
  }
}
