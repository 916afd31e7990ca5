import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { ChildSetup } from './protocol.js';

/** A new in-memory instance that loads no extension, with its only connection. The time zone is UTC. */
export async function openInstance(
  setup: ChildSetup,
): Promise<{ instance: DuckDBInstance; connection: DuckDBConnection }> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(setup.threads),
    memory_limit: `${Math.floor(setup.memoryLimitBytes / 1024)}KiB`,
    temp_directory: setup.tempDirectory ?? '',
    max_temp_directory_size: `${Math.floor(setup.maxTempBytes / 1024)}KiB`,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    allow_unsigned_extensions: 'false',
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  return { instance, connection };
}
