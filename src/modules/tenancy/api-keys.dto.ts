import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayNotEmpty, IsArray, IsIn, IsOptional, IsRFC3339, Matches } from 'class-validator';
import type { ApiKey } from './api-key.store.js';
import type { IssuedKey } from './api-keys.service.js';
import { KEY_ROLES, type KeyRole } from './roles.js';
import { NAME } from './tenancy.rules.js';

const TIME = { type: String, format: 'date-time' } as const;

export class CreateApiKeyDto {
  @ApiProperty({
    description: 'For people. Two keys may share one, as when one takes the place of the other.',
    minLength: 1,
    maxLength: 128,
    example: 'checkout service',
  })
  @Matches(NAME, { message: 'must have 1 to 128 characters, none a control character' })
  name!: string;

  @ApiProperty({ enum: KEY_ROLES, isArray: true, minItems: 1, example: ['ingest_writer'] })
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(KEY_ROLES.length)
  @IsIn(KEY_ROLES, { each: true })
  roles!: KeyRole[];

  @ApiPropertyOptional({ ...TIME, description: 'In the future. Never where absent.' })
  @IsOptional()
  @IsRFC3339({ message: 'must be an RFC 3339 time' })
  expires_at?: string;
}

export class IssuedKeyDto {
  @ApiProperty({ example: 'k7m2qv5xw3ab' })
  key_id!: string;

  @ApiProperty({
    description: 'The secret. It is shown this once.',
    example: 'tm_k7m2qv5xw3ab_0000000000000000000000000000000000000',
  })
  key!: string;

  @ApiProperty({ example: 'checkout service' })
  name!: string;

  @ApiProperty({ enum: KEY_ROLES, isArray: true, example: ['ingest_writer'] })
  roles!: KeyRole[];

  @ApiProperty({ ...TIME, example: '2026-03-01T09:30:00.000Z' })
  created_at!: string;

  @ApiProperty({
    ...TIME,
    nullable: true,
    description: 'Null for a key that does not expire.',
    example: null,
  })
  expires_at!: string | null;
}

export class ApiKeyDto {
  @ApiProperty({ example: 'k7m2qv5xw3ab' })
  key_id!: string;

  @ApiProperty({ example: 'checkout service' })
  name!: string;

  @ApiProperty({ enum: KEY_ROLES, isArray: true, example: ['ingest_writer'] })
  roles!: KeyRole[];

  @ApiProperty({ ...TIME, example: '2026-03-01T09:30:00.000Z' })
  created_at!: string;

  @ApiProperty({ ...TIME, nullable: true, example: null })
  expires_at!: string | null;

  @ApiProperty({ ...TIME, nullable: true, example: null })
  revoked_at!: string | null;

  @ApiProperty({
    ...TIME,
    nullable: true,
    description: 'To the minute.',
    example: '2026-03-01T10:12:00.000Z',
  })
  last_used_at!: string | null;
}

export class ApiKeyListDto {
  @ApiProperty({ type: [ApiKeyDto], description: 'Oldest first; revoked and expired keys too.' })
  keys!: ApiKeyDto[];

  @ApiProperty({ type: String, nullable: true, description: 'Null on the last page.', example: null })
  next_cursor!: string | null;
}

export function toIssuedKeyDto({ keyId, key, name, roles, createdAt, expiresAt }: IssuedKey): IssuedKeyDto {
  return {
    key_id: keyId,
    key,
    name,
    roles: [...roles],
    created_at: createdAt.toISOString(),
    expires_at: expiresAt?.toISOString() ?? null,
  };
}

export function toApiKeyDto(key: ApiKey): ApiKeyDto {
  return {
    key_id: key.keyId,
    name: key.name,
    roles: [...key.roles],
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
  };
}
