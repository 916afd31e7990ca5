import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { keepByteOrderMarks } from './exact-text.js';
import type { ChildSetup } from './protocol.js';

keepByteOrderMarks();

export interface OpenInstance {
  /** Its only connection. */
  readonly connection: DuckDBConnection;
  close(): void;
}

/** A new in-memory instance that loads no extension, with its connection. The time zone is UTC. */
export async function openInstance(setup: ChildSetup): Promise<OpenInstance> {
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
  return {
    connection,
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}
