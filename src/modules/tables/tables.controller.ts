import {
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  HttpStatus,
  Inject,
  Param,
  Patch,
  Post,
  Res,
} from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  BodyExample,
  decodeCursor,
  dtoBody,
  dtoQuery,
  PageQuery,
  pageOf,
  readIfMatch,
  type Position,
} from '../../http/index.js';
import { Caller, Roles, type CallerIdentity } from '../tenancy/index.js';
import { AlterTableDto, toTableAlteration, UndropTableDto } from './alterations.dto.js';
import { DroppedTables } from './dropped-tables.service.js';
import { TableAlterations } from './table-alterations.service.js';
import { TABLE_NAME } from './table-definition.js';
import { CreateTableDto, DroppedTableDto, TableDto, TableListDto, toTableDto } from './tables.dto.js';
import { TablesService } from './tables.service.js';

const LIST = 'tables';
const TABLE_PARAM = { name: 'table', description: 'Name of the table.', example: 'orders' } as const;

@ApiTags('tables')
@Controller('v1/tables')
export class TablesController {
  constructor(
    @Inject(TablesService) private readonly tables: TablesService,
    @Inject(TableAlterations) private readonly alterations: TableAlterations,
    @Inject(DroppedTables) private readonly droppedTables: DroppedTables,
  ) {}

  @Post()
  @Roles('table_admin')
  @ApiOperation({ operationId: 'createTable', summary: 'Create a table' })
  @BodyExample(CreateTableDto, {
    table_name: 'orders',
    schema: {
      columns: [
        { name: 'order_id', type: 'long', nullable: false },
        {
          name: 'amount',
          type: 'decimal(18,4)',
          default: '0.0000',
          doc: 'Gross, in the currency of the order.',
        },
        { name: 'currency', type: 'string' },
        { name: 'lines', type: 'list<struct<sku: string not null, count: int default 1>>' },
      ],
    },
    partition_spec: [{ column: '_event_time', transform: 'day' }],
    sort_order: [{ column: 'order_id' }],
  })
  @ApiCreatedResponse({ type: TableDto })
  async create(
    @Caller() { tenantId, keyId }: CallerIdentity,
    @dtoBody(CreateTableDto) body: CreateTableDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TableDto> {
    const request = {
      tableName: body.table_name,
      columns: body.schema?.columns,
      evolutionMode: body.evolution_mode,
      idempotencyWindow: body.idempotency_window,
      compatibilityMode: body.compatibility_mode,
      retention: body.retention,
      primaryKeyCols: body.primary_key_cols,
      partitionSpec: body.partition_spec,
      sortOrder: body.sort_order,
    };
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

  @Patch(':table')
  @Roles('table_admin')
  @ApiOperation({
    operationId: 'alterTable',
    summary: 'Change the schema, the name or the settings of a table',
    description:
      'In one transaction, which makes one schema version and one snapshot. No data file is rewritten. ' +
      'A call that changes nothing makes neither.',
  })
  @ApiParam(TABLE_PARAM)
  @ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'The `ETag` that the change was made for; any other version is SCHEMA_VERSION_CONFLICT.',
  })
  @BodyExample(AlterTableDto, {
    changes: [
      { op: 'rename_column', from: 'amount', to: 'gross_amount' },
      { op: 'add_column', column: { name: 'note', type: 'string' } },
    ],
    retention: { max_age_ms: 2_592_000_000 },
  })
  @ApiOkResponse({ type: TableDto })
  async alter(
    @Caller() { tenantId, keyId }: CallerIdentity,
    @Param('table') tableName: string,
    @Headers('if-match') ifMatch: string | undefined,
    @dtoBody(AlterTableDto) body: AlterTableDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TableDto> {
    const alteration = toTableAlteration(body, readIfMatch(ifMatch));
    return withETag(reply, toTableDto(await this.alterations.alter(tenantId, tableName, alteration, keyId)));
  }

  @Delete(':table')
  @Roles('table_admin')
  @ApiOperation({
    operationId: 'dropTable',
    summary: 'Drop a table',
    description:
      'Older snapshots still have it. Events that no snapshot has yet are discarded; their receipts say so. ' +
      'It can be undropped for a while (`TIDEMARK_UNDROP_WINDOW_MS`).',
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

  @Post(':table/undrop')
  @HttpCode(HttpStatus.OK)
  @Roles('table_admin')
  @ApiOperation({
    operationId: 'undropTable',
    summary: 'Bring a dropped table back',
    description:
      'Of several dropped tables of the name, the one that was dropped last. It has the rows and the schema that it ' +
      'had; events that were discarded meanwhile stay so.',
  })
  @ApiParam(TABLE_PARAM)
  @BodyExample(UndropTableDto, { as: 'orders_of_march' })
  @ApiOkResponse({ type: TableDto })
  async undrop(
    @Caller() { tenantId, keyId }: CallerIdentity,
    @Param('table') tableName: string,
    @dtoBody(UndropTableDto) body: UndropTableDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TableDto> {
    const table = await this.droppedTables.undrop(tenantId, tableName, keyId, body.as ?? undefined);
    return withETag(reply, toTableDto(table));
  }
}

function withETag(reply: FastifyReply, table: TableDto): TableDto {
  reply.header('ETag', `"${table.schema_version}"`);
  return table;
}

const isTablePosition = (position: Position): position is [string] =>
  position.length === 1 && typeof position[0] === 'string' && TABLE_NAME.test(position[0]);
