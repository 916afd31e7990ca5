import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { query, sql } from './sql.js';

/** First half of the advisory locks that Tidemark takes ("TIDE"). */
const LOCK_SPACE = 1413698373;
const MIGRATION_LOCK = 1000;

/** Applies what is missing. Safe from several processes at once: they take turns. Answers the names applied. */
export async function applyMigrations(dataSource: DataSource): Promise<string[]> {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.connect();
    await runner.query('SET lock_timeout = 0; SET statement_timeout = 0');
    await runner.query('SELECT pg_advisory_lock($1, $2)', [LOCK_SPACE, MIGRATION_LOCK]);
    try {
      const applied = await dataSource.runMigrations();
      return applied.map((migration) => migration.name);
    } finally {
      await runner.query('SELECT pg_advisory_unlock($1, $2)', [LOCK_SPACE, MIGRATION_LOCK]);
    }
  } finally {
    await runner.query('RESET lock_timeout; RESET statement_timeout').catch(() => undefined);
    await runner.release();
  }
}

/** Which migrations of this build the database has. */
@Injectable()
export class Migrations {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** Names of the migrations that this build needs and the database lacks. */
  async pending(): Promise<string[]> {
    const rows = await query<{ name: string }>(this.dataSource, sql`SELECT name FROM schema_migration`);
    const applied = new Set(rows.map((row) => row.name));
    return this.dataSource.migrations
      .map((migration) => migration.name ?? '')
      .filter((name) => !applied.has(name));
  }
}
