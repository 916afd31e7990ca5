import { defineError } from '../../kernel/index.js';

export const UNAUTHENTICATED = defineError({
  code: 'UNAUTHENTICATED',
  title: 'No valid API key was sent',
  cause: 'The `Authorization` header is missing or malformed, or its key is unknown, expired or revoked.',
  action: 'Send `Authorization: Bearer <key>` with a live key of the tenant.',
  retryable: false,
  normal: true,
});

export const FORBIDDEN = defineError({
  code: 'FORBIDDEN',
  title: 'The key may not do this',
  cause: 'The key lacks a role, is of the wrong kind (platform or tenant), or its tenant is disabled.',
  action: 'Use a key that holds one of `context.required_roles`.',
  retryable: false,
  normal: true,
});

export const TENANT_ALREADY_EXISTS = defineError({
  code: 'TENANT_ALREADY_EXISTS',
  title: 'The tenant exists already',
  cause: 'Another tenant, active or disabled, has this id.',
  action: 'Choose another `tenant_id`, or use the tenant that is there.',
  retryable: false,
  normal: true,
});
