import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '../../scripts/testing/load-source.mjs';

const { startCluster } = await import('../../src/embedded/cluster.ts');
const { placePostgres, clusterIn } = await import('../../src/embedded/placement.ts');
const { readPostmaster, stopOrphan } = await import('../../src/embedded/postmaster.ts');

const FOLDER_PREFIX = 'tidemark-test-postgres-';
const IMAGE = 'postgres:17-alpine';
const PASSWORD = 'test';

/**
 * A Postgres for the tests: the one of TIDEMARK_TEST_DATABASE_URL, else a container, else the embedded one
 * in a temp folder. All are durable: the service refuses one that is not.
 * @param {(line: string) => void} say
 * @returns {Promise<{ url: string, how: string, stop(): Promise<void> }>}
 */
export async function startPostgres(say) {
  const given = process.env.TIDEMARK_TEST_DATABASE_URL;
  if (given) return { url: given, how: 'TIDEMARK_TEST_DATABASE_URL', stop: async () => {} };
  return (await startContainer(say)) ?? startEmbeddedPostgres();
}

async function startContainer(say) {
  if (spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 10_000 }).status !== 0) return undefined;
  try {
    const { GenericContainer, Wait } = await import('testcontainers');
    const container = await new GenericContainer(IMAGE)
      .withEnvironment({ POSTGRES_PASSWORD: PASSWORD })
      .withCommand(['postgres', '-c', 'max_connections=300'])
      .withExposedPorts(5432)
      .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
      .start();
    const url = `postgres://postgres:${PASSWORD}@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
    return { url, how: `Docker, ${IMAGE}`, stop: async () => void (await container.stop()) };
  } catch (error) {
    say(`Docker answers but could not run ${IMAGE} (${error.message}); using the embedded Postgres`);
    return undefined;
  }
}

/**
 * The embedded Postgres in a folder of its own. `signal` goes to its postmaster (SIGINT: fast shutdown, SIGQUIT:
 * immediate, SIGKILL: crash); whatever ends it, it is started again on the same port.
 * @returns {Promise<{ url: string, how: string, signal(name: NodeJS.Signals): void, stop(): Promise<void> }>}
 */
export async function startEmbeddedPostgres() {
  await removeLeftovers();
  const folder = await mkdtemp(join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`));
  chmodSync(folder, 0o711);
  const placement = await placePostgres(folder);
  let asked = false;
  const error = (facts, text) => (asked ? undefined : console.error(text, facts));
  const quiet = { info: () => (asked = false), warn: () => {}, error };
  const cluster = await startCluster({
    placement,
    password: PASSWORD,
    maxConnections: 300,
    logger: quiet,
  });
  const how = `embedded Postgres ${placement.binaries.version} on 127.0.0.1:${cluster.port}`;
  const stop = async () => {
    await cluster.stop();
    for (const path of [folder, placement.home]) rmSync(path, { recursive: true, force: true });
  };
  const signal = (name) => {
    const postmaster = readPostmaster(clusterIn(placement.home));
    if (postmaster === undefined) return;
    asked = true;
    process.kill(postmaster.pid, name);
  };
  return { url: cluster.url, how, signal, stop };
}

/** Servers and folders of runs that were killed. */
async function removeLeftovers() {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(FOLDER_PREFIX))) {
    const pid = Number.parseInt(name.slice(FOLDER_PREFIX.length), 10);
    if (isAlive(pid)) continue;
    const folder = join(tmpdir(), name);
    try {
      const { home } = await placePostgres(folder);
      await stopOrphan(clusterIn(home));
      for (const path of [folder, home]) rmSync(path, { recursive: true, force: true });
    } catch {
      // Another user's, or half gone: not ours to mend.
    }
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
