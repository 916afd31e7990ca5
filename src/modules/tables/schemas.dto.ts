import { ApiProperty } from '@nestjs/swagger';
import { CursorQuery, PageLimit } from '../../http/index.js';
import { COMPATIBILITY_MODES, type CompatibilityMode } from './compatibility.js';
import type { SchemaVersion } from './schema-versions.service.js';
import { COMPATIBILITY_DOC, TableSchemaDto, toColumnDto } from './tables.dto.js';

const DEFAULT_LIMIT = 20;
/** Each entry may have thousands of columns. */
const MAX_LIMIT = 50;

export class SchemasQuery extends CursorQuery {
  /** Entries at most. */
  @PageLimit(MAX_LIMIT)
  limit: number = DEFAULT_LIMIT;
}

export class SchemaVersionDto {
  @ApiProperty({ example: 2 })
  schema_version!: number;

  @ApiProperty({ type: TableSchemaDto })
  schema!: TableSchemaDto;

  @ApiProperty({ enum: COMPATIBILITY_MODES, description: COMPATIBILITY_DOC, example: 'none' })
  compatibility_mode!: CompatibilityMode;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-03-01T09:30:00.000Z' })
  created_at!: string;

  @ApiProperty({ type: Number, nullable: true, description: 'The first snapshot with it.', example: 12 })
  created_snapshot_id!: number | null;

  @ApiProperty({ type: String, nullable: true, description: 'Id of the key that asked for it.' })
  created_by!: string | null;
}

export class SchemaVersionListDto {
  @ApiProperty({ type: [SchemaVersionDto], description: 'Oldest first.' })
  schemas!: SchemaVersionDto[];

  @ApiProperty({ type: String, nullable: true, description: 'Null on the last page.', example: null })
  next_cursor!: string | null;
}

export const toSchemaVersionDto = (version: SchemaVersion): SchemaVersionDto => ({
  schema_version: version.schemaVersion,
  schema: { columns: version.columns.map(toColumnDto) },
  compatibility_mode: version.compatibilityMode,
  created_at: version.createdAt.toISOString(),
  created_snapshot_id: version.createdSnapshotId,
  created_by: version.createdBy,
});
