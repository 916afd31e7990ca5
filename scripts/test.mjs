// npm test: finds or starts the services, runs Jest, counts per suite. Arguments go to Jest.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const ROOT = join(import.meta.dirname, '..');
const SUITES = ['unit', 'conformance', 'integration', 'e2e', 'model'];
/** Arguments with which Jest answers something and runs no test. */
const JEST_QUESTIONS = ['--listTests', '--showConfig', '--version', '--clearCache'];
const EXIT_WAIT_MS = 20_000;
const POLL_MS = 200;

const HELP = `npm test -- [arguments of Jest]

Runs every suite (${SUITES.join(', ')}). The services are found in this order:
  Postgres  TIDEMARK_TEST_DATABASE_URL; Docker; the embedded Postgres of the npm packages
  S3        TIDEMARK_TEST_S3_ENDPOINT, _ACCESS_KEY_ID, _SECRET_ACCESS_KEY; Docker; minio
With CI=true a missing service is a failure.

  npm test -- --selectProjects unit          one suite; unit tests need no service
  npm test -- test/e2e/tables.spec.ts        one file
  npm test -- -t 'name'                      tests whose name matches`;

const args = process.argv.slice(2);
if (args.includes('--help') || args.includes('-h')) {
  console.log(HELP);
  process.exit(0);
}

let services;
let jest;
let interrupted;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    // npm passes Ctrl-C on a second time: only the first counts.
    if (interrupted !== undefined) return;
    interrupted = signal;
    jest?.kill('SIGTERM');
  });
}

const scratch = mkdtempSync(join(tmpdir(), 'tidemark-test-run-'));
const summaryFile = join(scratch, 'summary.json');
let outcome;
try {
  outcome = await main();
} catch (error) {
  console.error(error);
  outcome = { exitCode: 1, lastLine: '0 passed, 1 failed' };
} finally {
  await services?.stop();
  rmSync(scratch, { recursive: true, force: true });
}
if (outcome.lastLine) console.log(outcome.lastLine);
process.exitCode = outcome.exitCode;

async function main() {
  const needsServices = selectedSuites(args).some((name) => name !== 'unit');
  if (needsServices) services = await startServices();
  if (interrupted) return { exitCode: exitCodeOf(interrupted) };
  const exit = await runJest();
  if (interrupted) {
    console.error(`Interrupted by ${interrupted}.`);
    return { exitCode: exitCodeOf(interrupted) };
  }
  return report(exit, needsServices);
}

async function startServices() {
  const { startServices: start } = await import('./testing/services.mjs');
  return start((line) => console.log(line));
}

/** Undefined options mean all suites. */
function selectedSuites(jestArgs) {
  const at = jestArgs.findIndex((arg) => arg.startsWith('--selectProjects'));
  if (at < 0) return SUITES;
  const inline = jestArgs[at].split('=')[1];
  const listed = inline ? [inline] : [];
  for (const arg of jestArgs.slice(at + 1)) {
    if (arg.startsWith('-')) break;
    listed.push(arg);
  }
  return SUITES.filter((name) => listed.includes(name));
}

/** Resolves with how Jest ended, and whether it had to be made to. */
async function runJest() {
  const script = join(ROOT, 'node_modules/jest/bin/jest.js');
  jest = spawn(process.execPath, [script, ...args], {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      ...services?.env,
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`,
      TIDEMARK_TEST_SUMMARY_FILE: summaryFile,
    },
  });
  let ended;
  const closed = new Promise((resolve) => {
    jest.once('error', (error) => resolve((ended = { code: 1, error })));
    jest.once('close', (code, signal) => resolve((ended = { code, signal })));
  });
  void watchForHang(() => ended !== undefined);
  return closed;
}

/** Jest waits for open handles for ever once its results are in: that is a leak in its own process. */
async function watchForHang(hasEnded) {
  while (!hasEnded() && readSummary() === undefined) await delay(POLL_MS, undefined, { ref: false });
  for (let waited = 0; waited < EXIT_WAIT_MS; waited += POLL_MS) {
    if (hasEnded()) return;
    await delay(POLL_MS, undefined, { ref: false });
  }
  if (hasEnded()) return;
  console.error('Jest did not end after its last test: something that it started is still open.');
  jest.kill('SIGKILL');
}

function report(exit, needsServices) {
  const summary = readSummary();
  if (summary === undefined && exit.code === 0 && args.some((arg) => JEST_QUESTIONS.includes(arg))) {
    return { exitCode: 0 };
  }
  if (summary === undefined) {
    console.error(
      `Jest ended before it had results (${exit.signal ?? exit.error ?? `exit status ${exit.code}`}).`,
    );
    return { exitCode: exit.code || 1, lastLine: '0 passed, 1 failed' };
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  const rows = [['suite', 'passed', 'failed', 'skipped']];
  for (const name of new Set([...SUITES, ...Object.keys(summary.suites)])) {
    const counts = summary.suites[name];
    if (counts === undefined) continue;
    for (const kind of Object.keys(total)) total[kind] += counts[kind];
    rows.push([name, ...Object.values(counts).map(String)]);
  }
  const withoutS3 = needsServices && !services.hasS3;
  // Jest can fail for what is not a test: a missing file, a leak, a setup.
  const broke = (exit.code !== 0 || (withoutS3 && process.env.CI === 'true')) && total.failed === 0;
  if (broke) total.failed += 1;

  console.log(`\n${table(rows)}\n`);
  if (withoutS3) console.log(missingS3());
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
  const lastLine = `${total.passed} passed, ${total.failed} failed${skipped}`;
  return { exitCode: total.failed > 0 ? exit.code || 1 : 0, lastLine };
}

function missingS3() {
  const verdict = process.env.CI === 'true' ? 'This is CI: that is a failure.' : 'In CI this is a failure.';
  return [
    '!'.repeat(78),
    '!! No S3 server was found: NOTHING WAS TESTED AGAINST A REAL S3 SERVER.',
    '!! Left out: the object store suite on S3, and every test that stores objects there.',
    '!! Set TIDEMARK_TEST_S3_ENDPOINT, _ACCESS_KEY_ID and _SECRET_ACCESS_KEY, start Docker,',
    `!! put minio on the PATH, or install Go to build it. ${verdict}`,
    '!'.repeat(78),
    '',
  ].join('\n');
}

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
      .join('  ');
  return rows.map(line).join('\n');
}

function readSummary() {
  try {
    return JSON.parse(readFileSync(summaryFile, 'utf8'));
  } catch {
    return undefined;
  }
}

function exitCodeOf(signal) {
  return { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal];
}
