import { AppError, NOT_FOUND, REQUEST_INVALID } from '../../kernel/index.js';

export const TENANT_ID = /^[a-z][a-z0-9-]{0,62}$/;
/** Up to 128 characters of any script, none of them a control character. */
export const NAME = /^[^\p{Cc}\p{Cs}]{1,128}$/u;
/** Keys of a tenant that may be live at once, so that there is room to rotate each of many. */
export const MAX_LIVE_KEYS = 100;

/** REQUEST_INVALID for one field, as the check of a body words it. */
export function invalidField(field: string, message: string): AppError {
  const path = `$.${field}`;
  return new AppError(REQUEST_INVALID, `${path}: ${message}.`, {
    context: { violations: [{ path, message }] },
  });
}

export const tenantNotFound = () => new AppError(NOT_FOUND, 'There is no such tenant.');
export const keyNotFound = () => new AppError(NOT_FOUND, 'The tenant has no such API key.');
