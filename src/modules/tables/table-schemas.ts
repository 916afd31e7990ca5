import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Column } from '../../kernel/index.js';
import { query, sql, Transactions } from '../../database/index.js';

const MAX_CACHED = 1000;

/** Schemas by table id and version, for those who write and read files. A version never changes. */
@Injectable()
export class TableSchemas {
  private readonly versions = new LRUCache<string, readonly Column[]>({ max: MAX_CACHED });

  constructor(@Inject(Transactions) private readonly transactions: Transactions) {}

  async at(tableId: number, schemaVersion: number): Promise<readonly Column[]> {
    const key = `${tableId}:${schemaVersion}`;
    const cached = this.versions.get(key);
    if (cached !== undefined) return cached;
    const [row] = await this.transactions.pooled((pool) =>
      query<{ columns: Column[] }>(
        pool,
        sql`SELECT schema_json -> 'columns' AS columns FROM table_schema_version
            WHERE table_id = ${tableId} AND schema_version = ${schemaVersion}`,
      ),
    );
    if (row === undefined) throw new Error(`table ${tableId} has no schema version ${schemaVersion}`);
    this.versions.set(key, row.columns);
    return row.columns;
  }

  /** Several versions of a table, in one round trip. */
  async ofVersions(
    tableId: number,
    schemaVersions: readonly number[],
  ): Promise<Map<number, readonly Column[]>> {
    const found = new Map<number, readonly Column[]>();
    for (const version of schemaVersions) {
      const cached = this.versions.get(`${tableId}:${version}`);
      if (cached !== undefined) found.set(version, cached);
    }
    const missing = schemaVersions.filter((version) => !found.has(version));
    if (missing.length === 0) return found;
    const rows = await this.transactions.pooled((pool) =>
      query<{ schema_version: number; columns: Column[] }>(
        pool,
        sql`SELECT schema_version, schema_json -> 'columns' AS columns FROM table_schema_version
            WHERE table_id = ${tableId} AND schema_version = ANY (${missing}::int[])`,
      ),
    );
    for (const { schema_version: version, columns } of rows) {
      found.set(version, columns);
      this.versions.set(`${tableId}:${version}`, columns);
    }
    if (found.size < schemaVersions.length) throw new Error(`table ${tableId} lacks schema versions`);
    return found;
  }
}
