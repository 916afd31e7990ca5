import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request as forward } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DIST, inherited, TestService } from '../support/service.js';

interface Flight {
  readonly delay: number;
  readonly distance: number;
  readonly time: number;
}

interface Webhook {
  readonly event: string;
  readonly payload: { action?: string; repository?: { full_name?: string }; sender?: { login?: string } };
}

const require = createRequire(import.meta.url);
const flights = JSON.parse(
  readFileSync(join(packageOf('vega-datasets'), 'data/flights-200k.json'), 'utf8'),
) as Flight[];
const webhooks = (
  JSON.parse(readFileSync(require.resolve('@octokit/webhooks-examples'), 'utf8')) as {
    name: string;
    examples: Webhook['payload'][];
  }[]
).flatMap(({ name, examples }) => examples.map((payload): Webhook => ({ event: name, payload })));

function packageOf(name: string): string {
  return join(require.resolve.paths(name)?.find((folder) => existsSync(join(folder, name))) ?? '', name);
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-demo-'));
  chmodSync(folder, 0o711);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  readonly code: number | null;
  readonly output: string;
}

async function runDemo(args: readonly string[] = [], env: Record<string, string> = {}): Promise<Run> {
  const child = spawn(process.execPath, [join(DIST, 'src/cli/demo.js'), ...args], {
    env: { ...inherited(), TIDEMARK_DATA_DIR: join(folder, 'data'), TIDEMARK_HTTP_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(child, 'close');
  return { code: child.exitCode, output };
}

/** The printed tables, in order: cells as text, without their headers. */
function tablesIn(output: string): string[][][] {
  const found: string[][][] = [];
  const lines = output.split('\n');
  lines.forEach((line, i) => {
    if (!/^─+(┼|─)*$/.test(line)) return;
    const end = lines.findIndex((each, at) => at > i && /^\d+ rows? from snapshot/.test(each));
    found.push(lines.slice(i + 1, end).map((row) => row.split('│').map((cell) => cell.trim())));
  });
  return found;
}

/** Passes on to `target`, but refuses some writes with 503 and 429, and loses the answers of others. */
async function startUnreliableProxy(target: string) {
  let writes = 0;
  let faults = 0;
  const server = createServer((request, response) => {
    const isWrite = request.url?.startsWith('/v1/ingest/') === true;
    const turn = isWrite ? writes++ % 7 : 0;
    if (turn >= 4) faults += 1;
    if (turn === 4 || turn === 5) {
      request.resume();
      response.writeHead(turn === 4 ? 503 : 429, { 'Retry-After': '0' }).end();
      return;
    }
    const { method, headers } = request;
    const onward = forward(`${target}${request.url}`, { method, headers }, (answer) => {
      if (turn === 6) {
        answer.resume().once('end', () => response.destroy());
        return;
      }
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get faults() {
      return faults;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const round = (value: number, digits = 2) => Math.round(value * 10 ** digits) / 10 ** digits;
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const distinct = (values: readonly unknown[]) => new Set(values.filter((value) => value != null)).size;

function groups<T>(rows: readonly T[], keyOf: (row: T) => string | number): [string | number, T[]][] {
  return [...Map.groupBy(rows, keyOf)].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Largest first; those of one size by name. */
function largest<T>(rows: readonly T[], keyOf: (row: T) => string, count: number): [string, T[]][] {
  return [...Map.groupBy(rows, keyOf)]
    .sort(([nameA, a], [nameB, b]) => b.length - a.length || (nameA < nameB ? -1 : 1))
    .slice(0, count);
}

/** The demo's questions, asked of the source files. */
function answersFromSource(): (string | number)[][][] {
  const delays = flights.map(({ delay }) => delay);
  const hour = (flight: Flight) => 3 * Math.floor(flight.time / 3);
  const length = ({ distance }: Flight) =>
    distance < 500 ? '1: below 500 miles' : distance < 1500 ? '2: below 1500 miles' : '3: longer';
  const inRepository = webhooks.filter(({ payload }) => payload.repository?.full_name != null);
  return [
    [
      [
        flights.length,
        round(mean(delays)),
        delays.reduce((a, b) => Math.max(a, b)),
        round((100 * delays.filter((d) => d > 15).length) / delays.length),
      ],
    ],
    groups(flights, hour).map(([from, part]) => {
      const sorted = part.map(({ delay }) => delay).sort((a, b) => a - b);
      return [from, part.length, round(mean(sorted)), sorted[Math.ceil(0.95 * sorted.length) - 1] ?? NaN];
    }),
    groups(flights, length).map(([name, part]) => [
      name,
      part.length,
      round(mean(part.map(({ delay }) => delay))),
    ]),
    [...flights]
      .sort((a, b) => b.delay - a.delay || a.distance - b.distance || a.time - b.time)
      .slice(0, 5)
      .map(({ delay, distance, time }) => [delay, distance, round(time)]),
    largest(webhooks, ({ event }) => event, 6).map(([event, part]) => [
      event,
      part.length,
      distinct(part.map(({ payload }) => payload.action)),
    ]),
    largest(inRepository, ({ payload }) => payload.repository?.full_name ?? '', 6).map(([name, part]) => [
      name,
      part.length,
      distinct(part.map(({ payload }) => payload.sender?.login)),
    ]),
  ];
}

const asText = (tables: (string | number)[][][]) => tables.map((rows) => rows.map((row) => row.map(String)));

describe('npm run demo', () => {
  it('loads real data into a service of its own and prints answers that the source data confirm', async () => {
    const { code, output } = await runDemo(['--exit']);
    expect({ code, output }).toEqual({ code: 0, output: expect.anything() as string });
    expect(output).toContain('200,000 accepted');
    expect(output).toContain('329 accepted');
    expect(output).toMatch(/visible to queries, \d+\.\d\d s after/);
    expect(tablesIn(output)).toEqual(asText(answersFromSource()));
    expect(output).toContain(`Keys:     ${join(folder, 'data', 'credentials.json')}`);
    expect(output).toContain('The service has stopped.');
    expect(output).not.toContain('curl');
  });

  it('finds the same on a second run: its records are known', async () => {
    const { code, output } = await runDemo(['--exit']);
    expect({ code, output }).toEqual({ code: 0, output: expect.anything() as string });
    expect(output).toContain('0 accepted, 200,000 known from before');
    expect(tablesIn(output)).toEqual(asText(answersFromSource()));
  });

  it('uses a service that runs, bears refusals and lost answers, and leaves it running', async () => {
    const service = await TestService.start({ databaseUrl: 'embedded' });
    const unreliable = await startUnreliableProxy(service.url);
    try {
      const named = await runDemo(['--url', unreliable.url, '--admin-key', service.credentials().keys.admin]);
      expect(named).toEqual({
        code: 0,
        output: expect.stringContaining(`Using the service at ${unreliable.url}`) as string,
      });
      expect(unreliable.faults).toBeGreaterThan(10);
      expect(tablesIn(named.output)).toEqual(asText(answersFromSource()));

      const found = await runDemo([], { TIDEMARK_DATA_DIR: service.dataDir });
      expect(found.code).toBe(0);
      expect(found.output).toContain(`Using the service at ${service.url}`);
      expect(found.output).toContain('0 accepted, 200,000 known from before');
      expect(found.output).toContain(`curl -sS ${service.url}/v1/query`);
      expect(tablesIn(found.output)).toEqual(tablesIn(named.output));
      expect((await service.client().get('/v1/health')).status).toBe(200);
    } finally {
      await unreliable.close();
      await service.dispose();
    }
  });

  it('explains itself, and a use that cannot work', async () => {
    expect(await runDemo(['--help'])).toEqual({
      code: 0,
      output: expect.stringContaining('--writer-key') as string,
    });
    expect(await runDemo(['--no-such-option'])).toMatchObject({ code: 2 });
    const away = await runDemo(['--url', 'http://127.0.0.1:9', '--admin-key', 'k']);
    expect(away).toEqual({
      code: 1,
      output: expect.stringContaining('http://127.0.0.1:9/v1/health does not answer') as string,
    });
  });
});

it('reads the data that it says', () => {
  expect(dirname(packageOf('vega-datasets'))).toMatch(/node_modules$/);
  expect([flights.length, webhooks.length]).toEqual([200_000, 329]);
});
