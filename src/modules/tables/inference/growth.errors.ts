import { AppError } from '../../../kernel/index.js';
import { COLUMN_COUNT } from '../table-definition.js';
import { SCHEMA_VIOLATION } from '../tables.errors.js';
import { memberPath } from '../violation.js';
import { shownName } from '../definition-fault.js';
import type { TooManyFields } from './field-budget.js';
import type { GrowthFault } from './growth-faults.js';

const SHOWN_FAULTS = 100;

/** Where a request has the field of a fault. */
export interface FaultPlace {
  readonly path: string;
  readonly record?: number;
  readonly line?: number;
}

const placeOf = ({ path }: GrowthFault): FaultPlace => ({
  path: `$.payload${path.map(memberPath).join('')}`,
});

/** Fields that no column can be made of. */
export class GrowthRefusal extends AppError {
  constructor(
    private readonly tableName: string | undefined,
    private readonly faults: readonly GrowthFault[],
    place: (fault: GrowthFault) => FaultPlace = placeOf,
  ) {
    const violations = faults.slice(0, SHOWN_FAULTS).map((fault) => ({
      ...place(fault),
      column: shownName(fault.path[0] ?? ''),
      rule: fault.rule,
      message: fault.message,
      allowed: fault.allowed,
    }));
    const [first] = violations;
    const more = faults.length > 1 ? `, and ${faults.length - 1} more` : '';
    const detail = `Column "${first?.column}" cannot be as the events have it: ${first?.path} ${first?.message}${more}.`;
    super(SCHEMA_VIOLATION, detail, { context: { table: tableName, violations } });
  }

  /** The same, with the places of the fields in a request. */
  placed(place: (path: readonly string[]) => FaultPlace | undefined): GrowthRefusal {
    return new GrowthRefusal(this.tableName, this.faults, (fault) => place(fault.path) ?? placeOf(fault));
  }
}

/** The refusal of a sample that has more fields than inference looks at. */
export const beyondInference = (
  tableName: string | undefined,
  { field, message }: TooManyFields,
): GrowthRefusal =>
  new GrowthRefusal(tableName, [{ path: [field], rule: 'column_limit', message, allowed: [COLUMN_COUNT] }]);
