import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { AppError } from '../../kernel/index.js';
import { Transactions } from '../../database/index.js';
import { decodeCursor, dtoQuery, PageQuery, pageOf, type Position } from '../../http/index.js';
import { Caller, Roles, type CallerIdentity } from '../tenancy/index.js';
import { SnapshotStore } from './snapshot.store.js';
import { SnapshotDto, SnapshotListDto, toSnapshotDto } from './snapshots.dto.js';
import { SNAPSHOT_NOT_FOUND } from './snapshots.errors.js';

const LIST = 'snapshots';

@ApiTags('snapshots')
@Controller('v1/snapshots')
export class SnapshotsController {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(SnapshotStore) private readonly snapshots: SnapshotStore,
  ) {}

  @Get()
  @Roles('query_reader')
  @ApiOperation({ operationId: 'listSnapshots', summary: 'List the snapshots, newest first' })
  @ApiOkResponse({ type: SnapshotListDto })
  async list(
    @Caller() caller: CallerIdentity,
    @dtoQuery(PageQuery) { limit, cursor }: PageQuery,
  ): Promise<SnapshotListDto> {
    const [before] = decodeCursor(LIST, cursor, isSnapshotPosition) ?? [];
    const found = await this.transactions.pooled((pool) =>
      this.snapshots.list(pool, caller.tenantId, limit + 1, before),
    );
    const { rows, next_cursor } = pageOf(LIST, found, limit, ({ snapshotId }) => [snapshotId]);
    return { snapshots: rows.map(toSnapshotDto), next_cursor };
  }

  @Get(':id')
  @Roles('query_reader')
  @ApiOperation({ operationId: 'getSnapshot', summary: 'Get a snapshot' })
  @ApiParam({ name: 'id', type: Number, example: 42 })
  @ApiOkResponse({ type: SnapshotDto })
  async get(@Caller() caller: CallerIdentity, @Param('id') id: string): Promise<SnapshotDto> {
    const snapshotId = /^\d{1,15}$/.test(id) ? Number(id) : undefined;
    const snapshot =
      snapshotId === undefined
        ? null
        : await this.transactions.pooled((pool) => this.snapshots.find(pool, caller.tenantId, snapshotId));
    if (snapshot === null) {
      throw new AppError(SNAPSHOT_NOT_FOUND, `Snapshot ${id} does not exist.`, {
        context: { snapshot_id: id },
      });
    }
    return toSnapshotDto(snapshot);
  }
}

const isSnapshotPosition = (position: Position): position is [number] =>
  position.length === 1 && typeof position[0] === 'number';
