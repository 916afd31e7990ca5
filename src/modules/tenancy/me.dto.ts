import { ApiProperty } from '@nestjs/swagger';
import { KEY_ROLES, type KeyRole } from './roles.js';

export class MyTenantDto {
  @ApiProperty({ example: 'acme' })
  tenant_id!: string;

  @ApiProperty({ example: 'Acme Ltd' })
  name!: string;
}

export class MyKeyDto {
  @ApiProperty({ example: 'k7m2qv5xw3ab' })
  key_id!: string;

  @ApiProperty({ example: 'checkout service' })
  name!: string;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-03-01T09:30:00.000Z' })
  created_at!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: null })
  expires_at!: string | null;
}

const LIMIT = { type: 'integer', nullable: true, example: null } as const;

/** Null: no limit of the tenant's own. */
export class LimitsDto {
  @ApiProperty(LIMIT)
  requests_per_second!: number | null;

  @ApiProperty(LIMIT)
  records_per_second!: number | null;

  @ApiProperty(LIMIT)
  bytes_per_second!: number | null;

  @ApiProperty(LIMIT)
  pending_events!: number | null;

  @ApiProperty(LIMIT)
  concurrent_queries!: number | null;

  @ApiProperty(LIMIT)
  query_seconds_per_hour!: number | null;

  @ApiProperty(LIMIT)
  scanned_bytes_per_hour!: number | null;
}

export class MeDto {
  @ApiProperty({ type: MyTenantDto })
  tenant!: MyTenantDto;

  @ApiProperty({ type: MyKeyDto })
  key!: MyKeyDto;

  @ApiProperty({ enum: KEY_ROLES, isArray: true, example: ['ingest_writer'] })
  roles!: KeyRole[];

  @ApiProperty({ type: LimitsDto, description: 'Null means that the tenant has no limit of its own.' })
  limits!: LimitsDto;
}

/** Tenants have no limits of their own yet. */
export const NO_LIMITS: LimitsDto = {
  requests_per_second: null,
  records_per_second: null,
  bytes_per_second: null,
  pending_events: null,
  concurrent_queries: null,
  query_seconds_per_hour: null,
  scanned_bytes_per_hour: null,
};
