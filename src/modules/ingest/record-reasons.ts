import type { PayloadValidator } from '../tables/index.js';
import type { FieldFault } from './sent-record.js';

/** Named in the reason of one dead letter. */
const MAX_NAMED = 5;
const MAX_CHARS = 2000;

/** Why a payload does not fit, for a dead letter. Call it with the payload that `normalise` refused. */
export function misfitReason(validator: PayloadValidator, payload: Record<string, unknown>): string {
  return faultReason(
    validator.violations(payload, MAX_NAMED).map(({ path, rule, found }) => ({
      path: `.payload${path}`,
      message: `expected ${rule}; found ${found}`,
    })),
  );
}

/** Why a record is none, for a dead letter. Paths begin at the record. */
export function faultReason(faults: readonly FieldFault[]): string {
  const named = faults.slice(0, MAX_NAMED).map(({ path, message }) => `$${path}: ${message}`);
  return named.join('; ').slice(0, MAX_CHARS).toWellFormed().replaceAll('\0', '');
}
