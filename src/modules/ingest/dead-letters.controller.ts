import { Controller, Get, HttpCode, HttpStatus, Inject, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AppError, NOT_FOUND, REQUEST_INVALID } from '../../kernel/index.js';
import { BodyExample, decodeCursor, dtoBody, dtoQuery, pageOf, type Position } from '../../http/index.js';
import { Caller, Roles, type CallerIdentity } from '../tenancy/index.js';
import {
  DeadLetterIdsDto,
  DeadLetterListDto,
  DeadLetterOutcomesDto,
  DeadLettersQuery,
  ReplayDto,
  toDeadLetterDto,
  toOutcomeDto,
} from './dead-letters.dto.js';
import { DeadLettersService, type DeadLetterOutcome } from './dead-letters.service.js';

const LIST = 'dead-letters';

@ApiTags('dead letters')
@Roles('ops_admin')
@Controller('v1/dead-letters')
export class DeadLettersController {
  constructor(@Inject(DeadLettersService) private readonly deadLetters: DeadLettersService) {}

  @Get()
  @ApiOperation({
    operationId: 'listDeadLetters',
    summary: 'List events that could not be written, newest first',
  })
  @ApiOkResponse({ type: DeadLetterListDto })
  async list(
    @Caller() { tenantId }: CallerIdentity,
    @dtoQuery(DeadLettersQuery) { limit, cursor, table, state }: DeadLettersQuery,
  ): Promise<DeadLetterListDto> {
    const [before] = decodeCursor(LIST, cursor, isDeadLetterPosition) ?? [];
    const page = { tableName: table, state, before, limit: limit + 1 };
    const found = await this.deadLetters.list(tenantId, page);
    const { rows, next_cursor } = pageOf(LIST, found, limit, ({ deadLetterId }) => [deadLetterId]);
    return { dead_letters: rows.map(toDeadLetterDto), next_cursor };
  }

  @Post('replay')
  @HttpCode(HttpStatus.OK)
  @ApiOperation({
    operationId: 'replayDeadLetters',
    summary: 'Send dead events again, under new tokens',
    description:
      "Each is checked against its table's schema of today; one that still does not fit stays dead, with the new reason. Replayed again it answers the same token. Where its table has a primary key and newer events, it is refused without `force`.",
  })
  @BodyExample(ReplayDto, { ids: [12, 13] })
  @ApiOkResponse({ type: DeadLetterOutcomesDto })
  async replay(
    @Caller() { tenantId }: CallerIdentity,
    @dtoBody(ReplayDto) { ids, force }: ReplayDto,
  ): Promise<DeadLetterOutcomesDto> {
    return answer(await this.deadLetters.replay(tenantId, ids, force));
  }

  @Post('discard')
  @HttpCode(HttpStatus.OK)
  @ApiOperation({ operationId: 'discardDeadLetters', summary: 'Give dead events up for good' })
  @BodyExample(DeadLetterIdsDto, { ids: [12, 13] })
  @ApiOkResponse({ type: DeadLetterOutcomesDto })
  async discard(
    @Caller() { tenantId }: CallerIdentity,
    @dtoBody(DeadLetterIdsDto) { ids }: DeadLetterIdsDto,
  ): Promise<DeadLetterOutcomesDto> {
    return answer(await this.deadLetters.discard(tenantId, ids));
  }
}

/** Each id has its own outcome; where nothing was done for any, the request as a whole is refused. */
function answer(outcomes: readonly DeadLetterOutcome[]): DeadLetterOutcomesDto {
  const results = outcomes.map(toOutcomeDto);
  if (results.some(({ state }) => state !== 'refused')) return { results };
  const violations = results.map(({ dead_letter_id, reason = '' }, index) => ({
    path: `$.ids[${index}]`,
    message: reason,
    found: String(dead_letter_id),
  }));
  const spec = results.every(({ error_code }) => error_code === NOT_FOUND.code) ? NOT_FOUND : REQUEST_INVALID;
  throw new AppError(spec, `$.ids: ${violations[0]?.message ?? ''}.`, { context: { violations } });
}

const isDeadLetterPosition = (position: Position): position is [number] =>
  position.length === 1 && typeof position[0] === 'number';
