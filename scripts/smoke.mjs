/* global AbortController, fetch */
// Starts the built service as a user would, runs the lines that it prints, and stops it.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const START_MS = 120_000;
const STOP_MS = 40_000;
const POLL_MS = 200;

const folder = mkdtempSync(join(tmpdir(), 'tidemark-smoke-'));
chmodSync(folder, 0o755);
const dataDir = join(folder, 'data');
const port = await freePort();
const url = `http://127.0.0.1:${port}`;

let printed = '';
const service = spawn('npm', ['start', '--silent'], {
  cwd: join(import.meta.dirname, '..'),
  env: {
    ...process.env,
    TIDEMARK_DATA_DIR: dataDir,
    TIDEMARK_HTTP_PORT: String(port),
    TIDEMARK_LOG_LEVEL: 'warn',
  },
  // A group of its own, so that nothing of it is left behind when a check fails.
  detached: true,
  stdio: ['ignore', 'pipe', 'inherit'],
});
service.stdout.on('data', (chunk) => {
  printed += chunk;
  process.stdout.write(chunk);
});
const ended = once(service, 'exit').then(([code, signal]) => ({ code, signal }));

try {
  await untilReady();
  const lines = printed.split('\n').filter((line) => line.startsWith('curl '));
  check(lines.length >= 2, `the start printed ${lines.length} curl lines, not two or more`);
  const [ingested, queried] = lines.map(runLine);
  check(ingested.status === 'visible', 'the printed event did not become visible');
  check(queried.row_count >= 1, 'the printed query does not see the event');
  check(
    JSON.parse(readFileSync(join(dataDir, 'credentials.json'), 'utf8')).url === url,
    'credentials.json has another url',
  );

  service.kill('SIGTERM');
  const exit = await within(ended, STOP_MS, `npm start did not end within ${STOP_MS} ms of SIGTERM`);
  check(exit.code === 0, `npm start ended with ${exit.code ?? exit.signal} after SIGTERM, not with 0`);
  check(!existsSync(join(dataDir, 'postgres/data/postmaster.pid')), 'Postgres is still there');
  console.log('smoke: started, wrote, queried, stopped');
} catch (error) {
  console.error(`smoke: ${error.message}`);
  process.exitCode = 1;
} finally {
  endGroup('SIGTERM');
  await within(ended, STOP_MS, '').catch(() => undefined);
  endGroup('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

async function untilReady() {
  const until = Date.now() + START_MS;
  while (Date.now() < until) {
    if (service.exitCode !== null) throw new Error(`npm start ended with ${service.exitCode}`);
    const ready = await fetch(`${url}/v1/ready`)
      .then((answer) => answer.ok)
      .catch(() => false);
    if (ready && printed.includes('curl ')) return;
    await delay(POLL_MS);
  }
  throw new Error(`${url}/v1/ready did not answer 200 within ${START_MS} ms`);
}

/** As a user pastes it into a shell. */
function runLine(line) {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8', timeout: 60_000 });
  console.log(`$ ${line.replace(/Bearer [^']+/, 'Bearer …')}\n${stdout}`);
  if (status !== 0) throw new Error(`the printed line failed: ${stderr}`);
  return JSON.parse(stdout);
}

function check(condition, problem) {
  if (!condition) throw new Error(problem);
}

function within(promise, ms, problem) {
  const late = new AbortController();
  const timeout = delay(ms, undefined, { signal: late.signal }).then(() => {
    throw new Error(problem);
  });
  timeout.catch(() => undefined);
  return Promise.race([promise, timeout]).finally(() => late.abort());
}

function endGroup(signal) {
  try {
    process.kill(-service.pid, signal);
  } catch {
    // It has ended.
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address();
  server.close();
  return free;
}
