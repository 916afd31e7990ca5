import { Controller, Delete, Get, Inject, Param, Patch, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
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
import { TENANT_ID } from './tenancy.rules.js';
import { CreateTenantDto, PatchTenantDto, TenantDto, TenantListDto, toTenantDto } from './tenants.dto.js';
import { TenantsService } from './tenants.service.js';

const LIST = 'tenants';
const TENANT_PARAM = { name: 'id', description: 'The tenant.', example: 'acme' } as const;

@ApiTags('tenants')
@PlatformOnly()
@Controller('v1/tenants')
export class TenantsController {
  constructor(@Inject(TenantsService) private readonly tenants: TenantsService) {}

  @Post()
  @ApiOperation({
    operationId: 'createTenant',
    summary: 'Create a tenant',
    description: 'Takes the platform key, as do all calls on tenants.',
  })
  @BodyExample(CreateTenantDto, { tenant_id: 'acme', name: 'Acme Ltd' })
  @ApiCreatedResponse({ type: TenantDto })
  async create(@dtoBody(CreateTenantDto) body: CreateTenantDto): Promise<TenantDto> {
    return toTenantDto(await this.tenants.create({ tenantId: body.tenant_id, name: body.name ?? undefined }));
  }

  @Get()
  @ApiOperation({ operationId: 'listTenants', summary: 'List the tenants, by id' })
  @ApiOkResponse({ type: TenantListDto })
  async list(@dtoQuery(PageQuery) { limit, cursor }: PageQuery): Promise<TenantListDto> {
    const [after] = decodeCursor(LIST, cursor, isTenantPosition) ?? [];
    const tenants = await this.tenants.list(limit + 1, after);
    const { rows, next_cursor } = pageOf(LIST, tenants, limit, (tenant) => [tenant.tenantId]);
    return { tenants: rows.map(toTenantDto), next_cursor };
  }

  @Get(':id')
  @ApiOperation({ operationId: 'getTenant', summary: 'Get a tenant' })
  @ApiParam(TENANT_PARAM)
  @ApiOkResponse({ type: TenantDto })
  async get(@Param('id') id: string): Promise<TenantDto> {
    return toTenantDto(await this.tenants.get(id));
  }

  @Patch(':id')
  @ApiOperation({ operationId: 'updateTenant', summary: 'Rename a tenant, disable it or let it in again' })
  @ApiParam(TENANT_PARAM)
  @BodyExample(PatchTenantDto, { name: 'Acme Group', status: 'active' })
  @ApiOkResponse({ type: TenantDto })
  async update(@Param('id') id: string, @dtoBody(PatchTenantDto) body: PatchTenantDto): Promise<TenantDto> {
    const changes = { name: body.name ?? undefined, status: body.status ?? undefined };
    return toTenantDto(await this.tenants.update(id, changes));
  }

  @Delete(':id')
  @ApiOperation({
    operationId: 'disableTenant',
    summary: 'Disable a tenant',
    description:
      'Its keys are refused from then on. What was acknowledged is still published; nothing is deleted.',
  })
  @ApiParam(TENANT_PARAM)
  @ApiOkResponse({ type: TenantDto })
  async disable(@Param('id') id: string): Promise<TenantDto> {
    return toTenantDto(await this.tenants.disable(id));
  }
}

const isTenantPosition = (position: Position): position is [string] =>
  position.length === 1 && typeof position[0] === 'string' && TENANT_ID.test(position[0]);
