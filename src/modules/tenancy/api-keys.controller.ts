import { Controller, Delete, Get, HttpCode, HttpStatus, Inject, Param, Post } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import {
  BodyExample,
  decodeCursor,
  dtoBody,
  dtoQuery,
  PageQuery,
  pageOf,
  type Position,
} from '../../http/index.js';
import { PlatformOnly } from './access.js';
import { isKeyId } from './api-key-codec.js';
import { ApiKeyListDto, CreateApiKeyDto, IssuedKeyDto, toApiKeyDto, toIssuedKeyDto } from './api-keys.dto.js';
import { ApiKeysService } from './api-keys.service.js';

const LIST = 'keys';

@ApiTags('tenants')
@ApiParam({ name: 'id', description: 'The tenant.', example: 'acme' })
@PlatformOnly()
@Controller('v1/tenants/:id/keys')
export class ApiKeysController {
  constructor(@Inject(ApiKeysService) private readonly keys: ApiKeysService) {}

  @Post()
  @ApiOperation({
    operationId: 'createKey',
    summary: 'Create an API key',
    description: 'To rotate a key, create its successor, move the clients over, then delete the old one.',
  })
  @BodyExample(CreateApiKeyDto, { name: 'checkout service', roles: ['ingest_writer'] })
  @ApiCreatedResponse({ type: IssuedKeyDto })
  async create(
    @Param('id') id: string,
    @dtoBody(CreateApiKeyDto) body: CreateApiKeyDto,
  ): Promise<IssuedKeyDto> {
    const expiresAt = body.expires_at == null ? undefined : new Date(body.expires_at);
    return toIssuedKeyDto(await this.keys.create(id, { name: body.name, roles: body.roles, expiresAt }));
  }

  @Get()
  @ApiOperation({ operationId: 'listKeys', summary: 'List the API keys of a tenant, oldest first' })
  @ApiOkResponse({ type: ApiKeyListDto })
  async list(
    @Param('id') id: string,
    @dtoQuery(PageQuery) { limit, cursor }: PageQuery,
  ): Promise<ApiKeyListDto> {
    const [after] = decodeCursor(LIST, cursor, isKeyPosition) ?? [];
    const keys = await this.keys.list(id, limit + 1, after);
    const { rows, next_cursor } = pageOf(LIST, keys, limit, (key) => [key.keyId]);
    return { keys: rows.map(toApiKeyDto), next_cursor };
  }

  @Delete(':key_id')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiOperation({
    operationId: 'revokeKey',
    summary: 'Revoke an API key',
    description:
      'For good. Other processes may take the key for five seconds more. Repeating it changes nothing.',
  })
  @ApiParam({ name: 'key_id', example: 'k7m2qv5xw3ab' })
  @ApiNoContentResponse({ description: 'The key is revoked.' })
  async revoke(@Param('id') id: string, @Param('key_id') keyId: string): Promise<void> {
    await this.keys.revoke(id, keyId);
  }
}

const isKeyPosition = (position: Position): position is [string] =>
  position.length === 1 && typeof position[0] === 'string' && isKeyId(position[0]);
