import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import Fastify from 'fastify';
import { EVENT_COLUMNS, payload } from './support/events.js';
import { drive, LoadClient } from './support/load.js';
import { ok, startStack } from './support/stack.js';
import { percentile, printTable } from './support/table.js';

const CLIENTS = 64;
const { values: options } = parseArgs({
  options: {
    requests: { type: 'string', default: '60000' },
    help: { type: 'boolean', default: false },
    'bare-server': { type: 'boolean', default: false },
  },
});

if (options['bare-server']) await serveBare();
else if (options.help) {
  console.log(
    `single-event: one event a request, ${CLIENTS} clients, against a bare Fastify with the same bodies.`,
  );
  console.log('--requests N (a row)');
} else await compare(Number(options.requests));

/** Parses the same body and answers it: what HTTP and JSON cost alone. */
async function serveBare(): Promise<void> {
  const server = Fastify();
  server.post('/v1/ingest/:table', (request, reply) => reply.code(202).send(request.body));
  const address = await server.listen({ port: 0, host: '127.0.0.1' });
  process.send?.(address);
  process.on('disconnect', () => process.exit(0));
}

async function compare(requests: number): Promise<void> {
  const stack = await startStack();
  const bare = fork(import.meta.filename, ['--bare-server'], { execArgv: [] });
  try {
    const [bareUrl] = (await once(bare, 'message')) as [string];
    await ok(
      stack.call('POST', '/v1/tables', stack.adminKey, {
        table_name: 'orders',
        schema: { columns: EVENT_COLUMNS },
      }),
    );
    await run(bareUrl, stack.writerKey, 'warm', requests / 10);
    await run(stack.apiUrl, stack.writerKey, 'warm', requests / 10);
    const baseline = await run(bareUrl, stack.writerKey, 'bare', requests);
    const service = await run(stack.apiUrl, stack.writerKey, 'order', requests);
    const row = (name: string, result: Result) => [
      name,
      result.perSecond,
      result.perSecond / baseline.perSecond,
      percentile(result.milliseconds, 0.5),
      percentile(result.milliseconds, 0.99),
    ];
    printTable(
      `One event a request: ${requests.toLocaleString('en')} requests a row, ${CLIENTS} clients`,
      ['server', 'requests/s', 'of bare', 'p50 ms', 'p99 ms'],
      [row('bare Fastify', baseline), row('Tidemark, durable', service)],
    );
  } finally {
    bare.kill();
    await stack.stop();
  }
}

interface Result {
  readonly perSecond: number;
  readonly milliseconds: number[];
}

async function run(url: string, key: string, prefix: string, requests: number): Promise<Result> {
  const client = new LoadClient(url, CLIENTS);
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const milliseconds: number[] = [];
  const seconds = await drive(requests, CLIENTS, async (n) => {
    const record = { idempotency_key: `${prefix}-${String(n).padStart(9, '0')}`, payload: payload(n) };
    const startedAt = performance.now();
    const response = await client.post('/v1/ingest/orders', headers, JSON.stringify({ records: [record] }));
    milliseconds.push(performance.now() - startedAt);
    if (response.status !== 202) throw new Error(`${response.status} ${response.body}`);
  });
  await client.close();
  return { perSecond: requests / seconds, milliseconds };
}
