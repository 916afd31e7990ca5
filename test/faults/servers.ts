import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { startMinio, type StartedS3Server } from '../support/minio.mjs';
import { startEmbeddedPostgres, type OwnPostgres } from '../support/postgres-server.mjs';

/** What a whole run shares: a Postgres of its own, which it may crash, and a real S3 server. */
export interface Servers {
  readonly postgres: OwnPostgres;
  readonly s3: StartedS3Server;
  stop(): Promise<void>;
}

export async function startServers(say: (line: string) => void): Promise<Servers> {
  const postgres = await startEmbeddedPostgres();
  say(`Postgres: ${postgres.how}`);
  try {
    const s3 = await startMinio();
    if (s3 === undefined) throw new Error('the fault harness needs a real S3 server, and there is none');
    say(`S3: ${s3.how} at ${s3.endpoint}`);
    const stop = async (): Promise<void> => {
      await s3.stop();
      await postgres.stop();
    };
    return { postgres, s3, stop };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

/** A new empty database. Answers its URL. */
export async function createDatabase(server: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Until `condition` holds, or `withinMs` are over: answers which. An error of it counts as "not yet". */
export async function eventually(
  withinMs: number,
  condition: () => boolean | Promise<boolean>,
  everyMs = 50,
): Promise<boolean> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    if (
      await Promise.resolve()
        .then(condition)
        .catch(() => false)
    )
      return true;
    if (performance.now() > giveUpAt) return false;
    await delay(everyMs);
  }
}
