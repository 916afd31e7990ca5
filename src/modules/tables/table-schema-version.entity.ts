import { Column as Field, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';
import type { Column } from '../../kernel/index.js';

/** One version of a table's schema. Never changed once it is written. */
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

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;
}
