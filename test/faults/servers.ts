import { once } from 'node:events';
import { createServer } from 'node:net';
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

/** Where no system gives out ports by itself: what listens on port 0 later, a proxy say, cannot be given the same. */
const PORTS = { from: 20_000, to: 29_999 };
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from + 1));
    if (given.has(port)) continue;
    const server = createServer();
    const bound = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!bound) continue;
    server.close();
    await once(server, 'close');
    given.add(port);
    return port;
  }
}
