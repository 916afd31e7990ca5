import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, Matches } from 'class-validator';
import { NAME, TENANT_ID } from './tenancy.rules.js';
import { TENANT_STATUSES, type TenantStatus } from './tenant.entity.js';
import type { Tenant } from './tenant.store.js';

const NAME_MESSAGE = 'must have 1 to 128 characters, none a control character';
const NAME_SCHEMA = { type: String, minLength: 1, maxLength: 128, example: 'Acme Ltd' } as const;

export class CreateTenantDto {
  @ApiProperty({
    description: 'Chosen by you, for the life of the tenant.',
    pattern: TENANT_ID.source,
    example: 'acme',
  })
  @Matches(TENANT_ID, { message: `must match ${TENANT_ID.source}` })
  tenant_id!: string;

  @ApiPropertyOptional({ ...NAME_SCHEMA, description: 'For people. The id where absent.' })
  @IsOptional()
  @Matches(NAME, { message: NAME_MESSAGE })
  name?: string;
}

export class PatchTenantDto {
  @ApiPropertyOptional(NAME_SCHEMA)
  @IsOptional()
  @Matches(NAME, { message: NAME_MESSAGE })
  name?: string;

  @ApiPropertyOptional({ enum: TENANT_STATUSES, example: 'active' })
  @IsOptional()
  @IsIn(TENANT_STATUSES)
  status?: TenantStatus;
}

export class TenantDto {
  @ApiProperty({ example: 'acme' })
  tenant_id!: string;

  @ApiProperty({ example: 'Acme Ltd' })
  name!: string;

  @ApiProperty({
    enum: TENANT_STATUSES,
    description: 'The keys of a disabled tenant are refused.',
    example: 'active',
  })
  status!: TenantStatus;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-03-01T09:30:00.000Z' })
  created_at!: string;
}

export class TenantListDto {
  @ApiProperty({ type: [TenantDto] })
  tenants!: TenantDto[];

  @ApiProperty({ type: String, nullable: true, description: 'Null on the last page.', example: null })
  next_cursor!: string | null;
}

export function toTenantDto({ tenantId, name, status, createdAt }: Tenant): TenantDto {
  return { tenant_id: tenantId, name, status, created_at: createdAt.toISOString() };
}
