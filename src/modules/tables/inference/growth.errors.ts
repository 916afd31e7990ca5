import { AppError } from '../../../kernel/index.js';
import { SCHEMA_VIOLATION } from '../tables.errors.js';
import { memberPath } from '../violation.js';
import type { GrowthFault } from './growth-faults.js';

const SHOWN_FAULTS = 100;

/** Fields that no column can be made of. */
export function growthRefused(tableName: string, faults: readonly GrowthFault[]): AppError {
  const violations = faults.slice(0, SHOWN_FAULTS).map(({ path, rule, message }) => ({
    path: `$.payload${path.map(memberPath).join('')}`,
    column: shown(path[0] ?? ''),
    rule,
    message,
  }));
  const [first] = violations;
  const more = faults.length > 1 ? `, and ${faults.length - 1} more` : '';
  const detail = `Column "${first?.column}" cannot be as the events have it: ${first?.path} ${first?.message}${more}.`;
  return new AppError(SCHEMA_VIOLATION, detail, { context: { table: tableName, violations } });
}

const SHOWN_CHARS = 128;
const shown = (name: string): string => name.slice(0, SHOWN_CHARS).toWellFormed();
