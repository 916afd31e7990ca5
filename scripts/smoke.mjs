/* global AbortController, fetch */
// Starts the built service as a user would, runs the lines that it prints, stops it, and starts it again.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const START_MS = 120_000;
const STOP_MS = 40_000;
const POLL_MS = 200;

/** `npm start` in a process group of its own, like that of a terminal. */
class Start {
  printed = '';

  constructor(dataDir, port) {
    this.url = `http://127.0.0.1:${port}`;
    this.npm = spawn('npm', ['start', '--silent'], {
      cwd: join(import.meta.dirname, '..'),
      env: {
        ...process.env,
        TIDEMARK_DATA_DIR: dataDir,
        TIDEMARK_HTTP_PORT: String(port),
        TIDEMARK_LOG_LEVEL: 'warn',
      },
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.npm.stdout.on('data', (chunk) => (this.printed += chunk));
    this.ended = once(this.npm, 'exit').then(([code, signal]) => code ?? signal);
  }

  async untilReady() {
    const until = Date.now() + START_MS;
    while (Date.now() < until) {
      if (this.npm.exitCode !== null) throw new Error(`npm start ended with ${this.npm.exitCode}`);
      const ready = await fetch(`${this.url}/v1/ready`).then(
        (answer) => answer.ok,
        () => false,
      );
      if (ready && this.printed.includes('curl ')) return;
      await delay(POLL_MS);
    }
    throw new Error(`${this.url}/v1/ready did not answer 200 within ${START_MS} ms`);
  }

  /** Runs one of the printed lines as a user pastes it, and answers the reply. */
  runPrinted(path) {
    const line = this.printed.split('\n').find((each) => each.startsWith('curl ') && each.includes(path));
    check(line !== undefined, `the start printed no curl line for ${path}`);
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8', timeout: 60_000 });
    console.log(`$ ${line.replace(/Bearer [^']+/, 'Bearer …')}\n${stdout}`);
    check(status === 0, `the printed line failed: ${stderr}`);
    return JSON.parse(stdout);
  }

  async endsCleanly(how) {
    const code = await within(this.ended, STOP_MS, `npm start did not end within ${STOP_MS} ms of ${how}`);
    check(code === 0, `npm start ended with ${code} after ${how}, not with 0`);
  }

  signalGroup(signal) {
    try {
      process.kill(-this.npm.pid, signal);
    } catch {
      // It has ended.
    }
  }
}

const folder = mkdtempSync(join(tmpdir(), 'tidemark-smoke-'));
chmodSync(folder, 0o755);
const dataDir = join(folder, 'data');
const port = await freePort();
const starts = [];

try {
  const first = start();
  await first.untilReady();
  console.log(first.printed);
  check(first.runPrinted('/v1/ingest/').status === 'visible', 'the printed event did not become visible');
  check(first.runPrinted('/v1/query').row_count === 1, 'the printed query does not see the event');
  const credentials = JSON.parse(readFileSync(join(dataDir, 'credentials.json'), 'utf8'));
  check(credentials.url === first.url, `credentials.json has the url ${credentials.url}, not ${first.url}`);
  first.npm.kill('SIGTERM');
  await first.endsCleanly('SIGTERM');
  check(!existsSync(join(dataDir, 'postgres/data/postmaster.pid')), 'Postgres is still there');

  const second = start();
  await second.untilReady();
  check(second.runPrinted('/v1/query').row_count === 1, 'a second start does not see what the first wrote');
  // A terminal sends Ctrl-C to all of the group, and npm passes it on once more.
  second.signalGroup('SIGINT');
  await second.endsCleanly('Ctrl-C');
  console.log('smoke: started, wrote, queried, stopped, started again');
} catch (error) {
  console.error(`smoke: ${error.message}`);
  process.exitCode = 1;
} finally {
  for (const each of starts) {
    each.signalGroup('SIGTERM');
    await within(each.ended, STOP_MS, '').catch(() => undefined);
    each.signalGroup('SIGKILL');
  }
  rmSync(folder, { recursive: true, force: true });
}

function start() {
  const started = new Start(dataDir, port);
  starts.push(started);
  return started;
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

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address();
  server.close();
  return free;
}
