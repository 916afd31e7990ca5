import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { inherited, TestService, type TestTenant } from '../support/service.js';

const EXAMPLES = resolve(import.meta.dirname, '../../examples');
const run = promisify(execFile);

/** Lines that each example must print. */
const EXPECTED: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  '01-ingest-and-query.mjs': [
    /^accepted 2 up to token \d+$/m,
    "{ page: '/home', seconds: 4.5 }",
    "{ page: '/prices', seconds: 31.2 }",
  ],
  '02-ndjson-zstd.mjs': [
    /^accepted 10000 records in \d+ bytes$/m,
    /\{ sensor: 7, readings: 1250, warmest: 29\.9 \}/,
  ],
  '03-idempotent-retries.mjs': [
    /^first: 1 accepted, token (\d+)\nagain: 1 duplicate, token \1$/m,
    'other content: IDEMPOTENCY_KEY_REUSED',
    "{ payments: 1, amount: '99.90' }",
    /^receipt: visible since snapshot \d+$/m,
  ],
  '04-time-travel.mjs': [
    /Now:\n.*\n {2}\{ stock: '?7'? \}\nIn snapshot \d+:\n.*\n {2}\{ stock: '?10'? \}\nAt .*Z:\n.*\n {2}\{ stock: '?10'? \}/,
  ],
  '05-learn-a-schema.mjs': [
    /event:\n {2}clicked_at timestamptz\n {2}page string\n {2}price int\nAt version 2:$/m,
    /^ {2}price double\n {2}browser struct<name: string, version: int>$/m,
    "{ page: '/home', price: 3, version: null }",
    "{ page: '/cart', price: 2.5, version: 9 }",
  ],
};

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  service = await TestService.start();
  tenant = await service.createTenant();
});

afterAll(() => service.dispose());

it('are all tested', () => {
  expect(Object.keys(EXPECTED)).toEqual(
    readdirSync(EXAMPLES)
      .filter((name) => /^\d\d-/.test(name))
      .sort(),
  );
});

it.each(Object.entries(EXPECTED))('%s runs, and runs again', async (name, expected) => {
  for (let times = 0; times < 2; times += 1) {
    const args = [join(EXAMPLES, name), service.url, tenant.admin.secret];
    const { stdout } = await run(process.execPath, args, { env: inherited() });
    for (const part of expected) {
      if (typeof part === 'string') expect(stdout).toContain(part);
      else expect(stdout).toMatch(part);
    }
  }
});
