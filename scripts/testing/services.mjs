import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { s3Environment, startMinio } from '../../test/support/minio.mjs';
import { startPostgres } from '../../test/support/postgres-server.mjs';

/**
 * Finds or starts what the tests talk to. `env` is what they need to find it; stop what was started with `stop`.
 * @param {(line: string) => void} say
 */
export async function startServices(say) {
  const runId = process.env.TIDEMARK_TEST_RUN_ID || randomBytes(4).toString('hex');
  const stops = [];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) {
      await one().catch((error) => say(`stopping a test service failed: ${error.message}`));
    }
  };
  try {
    const postgres = await startPostgres(say);
    stops.push(postgres.stop, () => dropRunDatabases(postgres.url, runId));
    say(`Postgres: ${postgres.how}`);
    const env = { TIDEMARK_TEST_DATABASE_URL: postgres.url, TIDEMARK_TEST_RUN_ID: runId };

    const s3 = await startMinio().catch((error) => say(error.message));
    if (s3) {
      stops.push(s3.stop);
      say(`S3: ${s3.how} at ${s3.endpoint}`);
      Object.assign(env, s3Environment(s3));
    }
    return { env, hasS3: Boolean(s3), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** On a server that outlives the run, nothing of the run stays. See test/support/postgres.ts for the names. */
async function dropRunDatabases(url, runId) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query('SELECT datname FROM pg_database WHERE datname LIKE $1', [
      `tidemark\\_test\\_${runId}\\_%`,
    ]);
    for (const { datname } of rows) {
      await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(datname)} WITH (FORCE)`);
    }
  } finally {
    await client.end();
  }
}
