import { isDeepStrictEqual } from 'node:util';
import { Inject, Injectable } from '@nestjs/common';
import { AppError, type Column } from '../../kernel/index.js';
import { Transactions, type Tx } from '../../database/index.js';
import type { WindowClass } from '../bus/index.js';
import { SchemaPublisher } from '../snapshots/index.js';
import { changedSchema } from './changed-schema.js';
import { incompatibilities, type CompatibilityMode } from './compatibility.js';
import { invalidDefinition, type DefinitionFault } from './definition-fault.js';
import type { TableChange } from './schema-change.js';
import type { Retention } from './retention.js';
import type { TableDefEntity } from './table-def.entity.js';
import { TABLE_NAME, type EvolutionMode } from './table-definition.js';
import {
  changedLayout,
  lostSources,
  type PartitionFieldRequest,
  type SortFieldRequest,
  type TableLayout,
} from './table-layout.js';
import { TableRegistry } from './table-registry.js';
import { TableStore, toTable, type Table, type TableVersion } from './table.store.js';
import {
  isNameTaken,
  SCHEMA_VERSION_CONFLICT,
  schemaIncompatible,
  tableAlreadyExists,
  tableNotFound,
} from './tables.errors.js';

/** What a table's owner asks for, all or none. */
export interface TableAlteration {
  readonly changes: readonly TableChange[];
  readonly compatibilityMode?: CompatibilityMode | undefined;
  readonly evolutionMode?: EvolutionMode | undefined;
  /** Null: rows are kept for ever. */
  readonly retention?: Retention | null | undefined;
  /** Of new files. Absent: as it is. */
  readonly partitionSpec?: readonly PartitionFieldRequest[] | undefined;
  readonly sortOrder?: readonly SortFieldRequest[] | undefined;
  /** Fixed for the life of a table; asking for the one that it has is no change. */
  readonly idempotencyWindow?: WindowClass | undefined;
  /** `If-Match`, the versions that the table may be at. Undefined: any. */
  readonly ifVersions?: readonly string[] | undefined;
}

/** Changes of tables. Each makes a schema version and a snapshot, and touches no data file. */
@Injectable()
export class TableAlterations {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(TableStore) private readonly store: TableStore,
    @Inject(SchemaPublisher) private readonly publisher: SchemaPublisher,
    @Inject(TableRegistry) private readonly registry: TableRegistry,
  ) {}

  /**
   * Applied to the table as it stands when the head's lock is had: changes that arrive together follow one another.
   * What changes nothing makes no version. Rejects with TABLE_NOT_FOUND, SCHEMA_VERSION_CONFLICT, REQUEST_INVALID,
   * SCHEMA_INCOMPATIBLE or TABLE_ALREADY_EXISTS.
   */
  async alter(tenantId: string, tableName: string, alteration: TableAlteration, by: string): Promise<Table> {
    if (!TABLE_NAME.test(tableName)) throw tableNotFound(tableName);
    let newName = tableName;
    const { table, catalogEpoch } = await this.transactions
      .write(async (tx) => {
        await this.publisher.lockCatalog(tx, tenantId);
        const row = await this.store.lockLive(tx, tenantId, tableName);
        if (row === undefined) throw tableNotFound(tableName);
        refuseOtherVersion(row, alteration.ifVersions);
        const version = await this.store.findVersion(tx, row.tableId, row.schemaVersion);
        if (version === undefined) throw new Error(`table ${row.tableId} lacks its schema version`);
        const current = toTable(row, version.schemaJson.columns, version.compatibilityMode);
        const next = nextVersion(current, row.lastColumnId, alteration);
        if (next === undefined) return { table: current, catalogEpoch: undefined };
        newName = next.tableName;
        return this.publish(tx, row, current, next, by);
      })
      .catch((error: unknown) => {
        throw isNameTaken(error) ? tableAlreadyExists(newName, error) : error;
      });
    if (catalogEpoch !== undefined) this.registry.announceToAll(tenantId, catalogEpoch);
    return table;
  }

  private async publish(
    tx: Tx,
    row: TableDefEntity,
    current: Table,
    next: TableVersion,
    by: string,
  ): Promise<{ table: Table; catalogEpoch: number }> {
    const { tableId, tableName: formerName } = current;
    const { tableName, schemaVersion } = next;
    await this.store.advance(tx, row, next, by);
    const renamed = formerName === tableName ? undefined : formerName;
    const change = { kind: 'alter_table', tableId, tableName, schemaVersion, formerName: renamed } as const;
    const published = await this.publisher.publishSchemaChange(tx, row.tenantId, change, by);
    await this.store.setVersionSnapshot(tx, tableId, schemaVersion, published.snapshotId);
    return { table: { ...current, ...next }, catalogEpoch: published.catalogEpoch };
  }
}

/** Undefined where the alteration leaves everything as it is. */
function nextVersion(
  current: Table,
  lastColumnId: number,
  alteration: TableAlteration,
): TableVersion | undefined {
  refuseOtherWindow(current, alteration.idempotencyWindow);
  const { tableName, columns, schemaVersion, primaryKeyIds } = current;
  const before = { tableName, columns, lastColumnId, primaryKeyIds };
  const after = changedSchema(before, alteration.changes);
  const compatibilityMode = alteration.compatibilityMode ?? current.compatibilityMode;
  const evolutionMode = alteration.evolutionMode ?? current.evolutionMode;
  const retention = alteration.retention === undefined ? current.retention : alteration.retention;
  const [first, ...others] = incompatibilities(columns, after.columns, compatibilityMode);
  if (first !== undefined) {
    const facts = { compatibility_mode: compatibilityMode, schema_version: schemaVersion };
    throw schemaIncompatible(tableName, first, others, facts);
  }
  const layout = nextLayout(current, after.columns, alteration);
  if (
    tableName === after.tableName &&
    compatibilityMode === current.compatibilityMode &&
    evolutionMode === current.evolutionMode &&
    isDeepStrictEqual(retention, current.retention) &&
    isDeepStrictEqual(columns, after.columns) &&
    layout.partitionSpecId === current.partitionSpecId &&
    isDeepStrictEqual(layout.sortOrder, current.sortOrder)
  )
    return undefined;
  return {
    ...after,
    ...layout,
    compatibilityMode,
    evolutionMode,
    retention,
    schemaVersion: schemaVersion + 1,
  };
}

/** By the columns as the changes leave them. */
function nextLayout(current: Table, columns: readonly Column[], alteration: TableAlteration): TableLayout {
  const { partitionSpecs, partitionSpecId, sortOrder } = current;
  const { partitionSpec: partitionBy, sortOrder: sortBy } = alteration;
  const faults: DefinitionFault[] = [];
  const before = { partitionSpecs, partitionSpecId, sortOrder };
  const layout = changedLayout(before, columns, partitionBy, sortBy, faults);
  if (faults.length > 0) throw invalidDefinition(faults);
  const [lost, ...others] = lostSources(layout, current.columns, columns);
  if (lost !== undefined) throw schemaIncompatible(current.tableName, lost, others);
  return layout;
}

function refuseOtherVersion(row: TableDefEntity, ifVersions: readonly string[] | undefined): void {
  if (ifVersions === undefined || ifVersions.includes(String(row.schemaVersion))) return;
  const { tableName, schemaVersion } = row;
  throw new AppError(SCHEMA_VERSION_CONFLICT, `Table "${tableName}" is at schema version ${schemaVersion}.`, {
    context: { table: tableName, schema_version: schemaVersion, if_match: ifVersions },
  });
}

/** Keys are kept by window: under another one, those that were accepted would not be found. */
function refuseOtherWindow({ idempotencyWindow }: Table, asked: WindowClass | undefined): void {
  if (asked === undefined || asked === idempotencyWindow) return;
  const message = `is fixed for the life of a table, which is ${idempotencyWindow} here: keys that were accepted would no longer be known`;
  throw invalidDefinition([{ path: '$.idempotency_window', message, allowed: [idempotencyWindow] }]);
}
