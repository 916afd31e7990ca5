import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { AppError, NOT_FOUND } from '../../kernel/index.js';
import { decodeCursor, dtoQuery, pageOf, type Position } from '../../http/index.js';
import { Caller, Roles, type CallerIdentity } from '../tenancy/index.js';
import { SchemasQuery, SchemaVersionDto, SchemaVersionListDto, toSchemaVersionDto } from './schemas.dto.js';
import { SchemaVersions } from './schema-versions.service.js';

const LIST = 'schemas';

@ApiTags('tables')
@ApiParam({ name: 'table', description: 'Name of the table.', example: 'orders' })
@Roles('query_reader', 'table_admin')
@Controller('v1/tables/:table/schemas')
export class SchemasController {
  constructor(@Inject(SchemaVersions) private readonly versions: SchemaVersions) {}

  @Get()
  @ApiOperation({ operationId: 'listSchemas', summary: 'List the versions of a table’s schema' })
  @ApiOkResponse({ type: SchemaVersionListDto })
  async list(
    @Caller() { tenantId }: CallerIdentity,
    @Param('table') tableName: string,
    @dtoQuery(SchemasQuery) { limit, cursor }: SchemasQuery,
  ): Promise<SchemaVersionListDto> {
    const [after] = decodeCursor(LIST, cursor, isVersionPosition) ?? [];
    const versions = await this.versions.list(tenantId, tableName, limit + 1, after);
    const { rows, next_cursor } = pageOf(LIST, versions, limit, (version) => [version.schemaVersion]);
    return { schemas: rows.map(toSchemaVersionDto), next_cursor };
  }

  @Get(':version')
  @ApiOperation({ operationId: 'getSchema', summary: 'Get one version of a table’s schema' })
  @ApiParam({ name: 'version', type: Number, description: 'Schema version.', example: 1 })
  @ApiOkResponse({ type: SchemaVersionDto })
  async get(
    @Caller() { tenantId }: CallerIdentity,
    @Param('table') tableName: string,
    @Param('version') version: string,
  ): Promise<SchemaVersionDto> {
    return toSchemaVersionDto(await this.versions.get(tenantId, tableName, versionOf(version)));
  }
}

/** Throws NOT_FOUND for text that is no version of any table. */
function versionOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new AppError(NOT_FOUND, 'A schema version is a whole number from 1 on.', {
    context: { schema_version: text.slice(0, 32) },
  });
}

const isVersionPosition = (position: Position): position is [number] =>
  position.length === 1 && typeof position[0] === 'number' && position[0] >= 0 && position[0] < 2 ** 31;
