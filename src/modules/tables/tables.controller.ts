import { Controller, Delete, Get, Inject, Param, Post, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { decodeCursor, dtoBody, dtoQuery, PageQuery, pageOf, type Position } from '../../http/index.js';
import { Caller, Roles, type CallerIdentity } from '../tenancy/index.js';
import { TABLE_NAME } from './table-definition.js';
import { CreateTableDto, DroppedTableDto, TableDto, TableListDto, toTableDto } from './tables.dto.js';
import { TablesService } from './tables.service.js';

const LIST = 'tables';
const TABLE_PARAM = { name: 'table', description: 'Name of the table.', example: 'orders' } as const;

@ApiTags('tables')
@Controller('v1/tables')
export class TablesController {
  constructor(@Inject(TablesService) private readonly tables: TablesService) {}

  @Post()
  @Roles('table_admin')
  @ApiOperation({ operationId: 'createTable', summary: 'Create a table' })
  @ApiCreatedResponse({ type: TableDto })
  async create(
    @Caller() { tenantId, keyId }: CallerIdentity,
    @dtoBody(CreateTableDto) body: CreateTableDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TableDto> {
    const { table_name, schema, idempotency_window } = body;
    const request = { tableName: table_name, columns: schema.columns, idempotencyWindow: idempotency_window };
    return withETag(reply, toTableDto(await this.tables.create(tenantId, request, keyId)));
  }

  @Get()
  @Roles('query_reader', 'table_admin')
  @ApiOperation({ operationId: 'listTables', summary: 'List the tables' })
  @ApiOkResponse({ type: TableListDto })
  async list(
    @Caller() { tenantId }: CallerIdentity,
    @dtoQuery(PageQuery) { limit, cursor }: PageQuery,
  ): Promise<TableListDto> {
    const [after] = decodeCursor(LIST, cursor, isTablePosition) ?? [];
    const tables = await this.tables.list(tenantId, limit + 1, after);
    const { rows, next_cursor } = pageOf(LIST, tables, limit, (table) => [table.tableName]);
    return { tables: rows.map(toTableDto), next_cursor };
  }

  @Get(':table')
  @Roles('query_reader', 'table_admin')
  @ApiOperation({ operationId: 'getTable', summary: 'Get a table with its schema' })
  @ApiParam(TABLE_PARAM)
  @ApiOkResponse({ type: TableDto })
  async get(
    @Caller() { tenantId }: CallerIdentity,
    @Param('table') tableName: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TableDto> {
    return withETag(reply, toTableDto(await this.tables.get(tenantId, tableName)));
  }

  @Delete(':table')
  @Roles('table_admin')
  @ApiOperation({
    operationId: 'dropTable',
    summary: 'Drop a table',
    description:
      'Older snapshots still have it. Events that no snapshot has yet are discarded; their receipts say so.',
  })
  @ApiParam(TABLE_PARAM)
  @ApiOkResponse({ type: DroppedTableDto })
  async drop(
    @Caller() { tenantId, keyId }: CallerIdentity,
    @Param('table') tableName: string,
  ): Promise<DroppedTableDto> {
    const { snapshotId } = await this.tables.drop(tenantId, tableName, keyId);
    return { table_name: tableName, dropped_snapshot_id: snapshotId };
  }
}

function withETag(reply: FastifyReply, table: TableDto): TableDto {
  reply.header('ETag', `"${table.schema_version}"`);
  return table;
}

const isTablePosition = (position: Position): position is [string] =>
  position.length === 1 && typeof position[0] === 'string' && TABLE_NAME.test(position[0]);
