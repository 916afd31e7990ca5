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

/** Null: no limit. */
export class LimitsDto {
  @ApiProperty(LIMIT)
  requests_per_second!: number | null;

  @ApiProperty(LIMIT)
  records_per_second!: number | null;

  @ApiProperty(LIMIT)
  bytes_per_second!: number | null;

  @ApiProperty({
    type: 'integer',
    example: 10_000_000,
    description: 'Acknowledged events that are not visible yet.',
  })
  pending_events!: number;

  @ApiProperty(LIMIT)
  concurrent_queries!: number | null;

  @ApiProperty(LIMIT)
  query_seconds_per_hour!: number | null;

  @ApiProperty(LIMIT)
  scanned_bytes_per_hour!: number | null;
}

export class LeftDto {
  @ApiProperty({ type: 'integer', example: 9_998_800 })
  pending_events!: number;
}

export class MeDto {
  @ApiProperty({ type: MyTenantDto })
  tenant!: MyTenantDto;

  @ApiProperty({ type: MyKeyDto })
  key!: MyKeyDto;

  @ApiProperty({ enum: KEY_ROLES, isArray: true, example: ['ingest_writer'] })
  roles!: KeyRole[];

  @ApiProperty({ type: LimitsDto, description: 'Null means that there is no limit.' })
  limits!: LimitsDto;

  @ApiProperty({ type: LeftDto, description: 'What is left of the limits now.' })
  left!: LeftDto;
}

/** The limits that nothing enforces yet. */
export const NO_LIMITS: Omit<LimitsDto, 'pending_events'> = {
  requests_per_second: null,
  records_per_second: null,
  bytes_per_second: null,
  concurrent_queries: null,
  query_seconds_per_hour: null,
  scanned_bytes_per_hour: null,
};
