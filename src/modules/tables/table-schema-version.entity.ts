import { Column as Field, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';
import type { Column } from '../../kernel/index.js';
import type { CompatibilityMode } from './compatibility.js';

/** One version of a table's schema. Never changed once its transaction has written it. */
@Entity('table_schema_version')
export class TableSchemaVersionEntity {
  @PrimaryColumn({ name: 'table_id', type: 'bigint' })
  tableId!: number;

  @PrimaryColumn({ name: 'schema_version', type: 'integer' })
  schemaVersion!: number;

  @Field({ name: 'tenant_id', type: 'text' })
  tenantId!: string;

  @Field({ name: 'schema_json', type: 'jsonb' })
  schemaJson!: { readonly columns: readonly Column[] };

  /** In force for the change to the next version. */
  @Field({ name: 'compatibility_mode', type: 'text', default: 'none' })
  compatibilityMode!: CompatibilityMode;

  /** The first snapshot with this version. */
  @Field({ name: 'created_snapshot_id', type: 'bigint', nullable: true })
  createdSnapshotId!: number | null;

  /** The key that asked for it; null for versions from before this was kept. */
  @Field({ name: 'created_by', type: 'text', nullable: true })
  createdBy!: string | null;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;
}
