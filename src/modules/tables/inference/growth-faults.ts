import { MAX_TYPE_DEPTH, nameText, type Column } from '../../../kernel/index.js';
import {
  COLUMN_NAME_RULE,
  FIELD_NAME_RULE,
  faultOfColumnName,
  faultOfFieldName,
  otherThan,
  repeatedNames,
} from '../column-names.js';
import { incompatibilities } from '../compatibility.js';
import { countFields } from '../field-ids.js';
import { isKeyType, keyColumnsOf } from '../primary-key.js';
import { COLUMN_COUNT, COLUMN_COUNT_RULE, MAX_COLUMNS } from '../table-definition.js';
import { lostSources } from '../table-layout.js';
import type { Table } from '../table.store.js';
import type { SchemaViolation } from '../tables.errors.js';

export type GrowthRule =
  'name_not_allowed' | 'names_differ_by_case' | 'column_limit' | 'nesting_limit' | 'key_column';

/** Why a field cannot become a column, or a part of one. */
export interface GrowthFault {
  /** Names from the column down. */
  readonly path: readonly string[];
  readonly rule: GrowthRule;
  readonly message: string;
  /** What could be sent instead. */
  readonly allowed: readonly string[];
}

/** What growth asks a table for. */
export type GrowingTable = Pick<
  Table,
  'columns' | 'primaryKeyIds' | 'compatibilityMode' | 'partitionSpecs' | 'partitionSpecId' | 'sortOrder'
>;

/** All that refuses a grown schema. */
export interface GrowthObjections {
  /** What no column can be, or the key cannot. */
  readonly faults: readonly GrowthFault[];
  /** What the compatibility mode refuses. */
  readonly incompatible: readonly SchemaViolation[];
  /** What the partitions and the sort order need as it is. */
  readonly lost: readonly SchemaViolation[];
}

/** Why the table cannot have the columns `after`, which were grown from its own. */
export const growthObjections = (table: GrowingTable, after: readonly Column[]): GrowthObjections => ({
  faults: [
    ...growthFaults(table.columns, after),
    ...keyGrowthFaults(table.columns, after, table.primaryKeyIds),
  ],
  incompatible: incompatibilities(table.columns, after, table.compatibilityMode),
  lost: lostSources(table, table.columns, after),
});

/** What is wrong with the columns `after`, which were grown from those `before`. */
export function growthFaults(before: readonly Column[], after: readonly Column[]): GrowthFault[] {
  const faults: GrowthFault[] = [];
  addNameFaults(before, after, [], faults);
  let count = 0;
  for (const column of after) {
    if (depthOf(column) > MAX_TYPE_DEPTH) {
      const message = `has more than ${MAX_TYPE_DEPTH} lists and structs inside each other`;
      const allowed = [`lists and structs inside each other, ${MAX_TYPE_DEPTH} deep at most`];
      faults.push({ path: [column.name], rule: 'nesting_limit', message, allowed });
    }
    const isFirstBeyond = count <= MAX_COLUMNS && count + countFields([column]) > MAX_COLUMNS;
    count += countFields([column]);
    if (!isFirstBeyond) continue;
    const message = `is one too many: a table ${COLUMN_COUNT_RULE}; it would have ${countFields(after)}`;
    faults.push({ path: [column.name], rule: 'column_limit', message, allowed: [COLUMN_COUNT] });
  }
  return faults;
}

/** Where a column of the primary key would become another: it may only be widened to a type that a key can have. */
function keyGrowthFaults(
  before: readonly Column[],
  after: readonly Column[],
  keyIds: readonly number[],
): GrowthFault[] {
  return keyColumnsOf(before, keyIds).flatMap(({ id, name, type }): GrowthFault[] => {
    const next = after.find((column) => column.id === id);
    if (next !== undefined && isKeyType(next.type)) return [];
    const message = `is in the primary key and stays ${type}`;
    return [{ path: [name], rule: 'key_column', message, allowed: [type] }];
  });
}

/** Of new names only: those that a table has were checked when they came. */
function addNameFaults(
  before: readonly Column[],
  after: readonly Column[],
  at: readonly string[],
  faults: GrowthFault[],
): void {
  const known = new Map(before.map((column) => [column.name, column]));
  const names = after.map(({ name }) => name);
  for (const { index, first } of repeatedNames(names)) {
    const taken = names[first] ?? '';
    const message = `differs from ${nameText(taken)} in nothing but case or form`;
    const allowed = [otherThan(taken)];
    faults.push({ path: [...at, names[index] ?? ''], rule: 'names_differ_by_case', message, allowed });
  }
  for (const { name, fields = [] } of after) {
    const path = [...at, name];
    const same = known.get(name);
    const fault = at.length === 0 ? faultOfColumnName(name) : faultOfFieldName(name);
    if (same === undefined && fault !== undefined) {
      const allowed = [at.length === 0 ? COLUMN_NAME_RULE : FIELD_NAME_RULE];
      faults.push({ path, rule: 'name_not_allowed', message: fault, allowed });
    }
    addNameFaults(same?.fields ?? [], fields, path, faults);
  }
}

function depthOf({ fields = [] }: Column): number {
  return fields.reduce((depth, part) => Math.max(depth, 1 + depthOf(part)), 0);
}
