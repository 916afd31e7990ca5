import type { Column } from '../../kernel/index.js';
import type { WindowClass } from '../bus/index.js';
import { defineColumn, type ColumnRequest } from './column-definition.js';
import { otherThan, repeatedNames } from './column-names.js';
import type { CompatibilityMode } from './compatibility.js';
import { aboutColumn, invalidDefinition, type DefinitionFault } from './definition-fault.js';
import { countFields, withFieldIds } from './field-ids.js';
import { faultsOfKey, keyIdsOf, withKeyRequired } from './primary-key.js';
import type { Retention } from './retention.js';
import {
  defineLayout,
  type PartitionFieldRequest,
  type SortFieldRequest,
  type TableLayout,
} from './table-layout.js';

export const TABLE_NAME = /^[a-z][a-z0-9_]{0,62}$/;
/**
 * Of a table, the parts of nested ones counted: fields of structs, and the element of a list. What a fresh write
 * child commits in its default memory, whatever the types.
 */
export const MAX_COLUMNS = 500;
export const COLUMN_COUNT = `1 to ${MAX_COLUMNS} columns, fields of structs and elements of lists counted`;
export const COLUMN_COUNT_RULE = `must have ${COLUMN_COUNT}`;

/** Whether events change the schema: strict refuses what does not fit. */
export const EVOLUTION_MODES = ['strict', 'evolve'] as const;
export type EvolutionMode = (typeof EVOLUTION_MODES)[number];

export interface TableRequest {
  readonly tableName: string;
  /** Absent: the first events make the schema. */
  readonly columns?: readonly ColumnRequest[] | undefined;
  readonly evolutionMode?: EvolutionMode | null | undefined;
  readonly idempotencyWindow?: WindowClass | null | undefined;
  readonly compatibilityMode?: CompatibilityMode | null | undefined;
  /** Absent or null: rows are kept for ever. */
  readonly retention?: Retention | null | undefined;
  /** Names of columns. Absent or empty: the table has no key. */
  readonly primaryKeyCols?: readonly string[] | null | undefined;
  /** Absent: by the hour of the event time. Empty: not at all. */
  readonly partitionSpec?: readonly PartitionFieldRequest[] | null | undefined;
  readonly sortOrder?: readonly SortFieldRequest[] | null | undefined;
}

/** A table that may be created: its columns have their field ids. */
export interface TableDefinition {
  readonly tableName: string;
  /** None where the first events make the schema. */
  readonly columns: readonly Column[];
  readonly evolutionMode: EvolutionMode;
  readonly idempotencyWindow: WindowClass;
  readonly compatibilityMode: CompatibilityMode;
  readonly retention: Retention | null;
  /** Field ids of the primary key's columns, in order; none where the table has no key. */
  readonly primaryKeyIds: readonly number[];
  readonly layout: TableLayout;
}

/** Throws REQUEST_INVALID with every rule that the request breaks. */
export function defineTable(request: TableRequest): TableDefinition {
  const { tableName } = request;
  const key = request.primaryKeyCols ?? [];
  const faults: DefinitionFault[] = [];
  if (!TABLE_NAME.test(tableName)) {
    faults.push({ path: '$.table_name', message: `must match ${TABLE_NAME.source}` });
  }
  const columns =
    request.columns === undefined
      ? []
      : withKeyRequired(defineColumns(request.columns, '$.schema.columns', faults), key);
  faults.push(...faultsOfKey(request.columns, key));
  // Without its columns the layout would be refused for no reason of its own.
  const refused = faults.length > 0;
  const layout = defineLayout(
    columns,
    refused ? [] : request.partitionSpec,
    refused ? [] : request.sortOrder,
    faults,
  );
  if (faults.length > 0) throw invalidDefinition(faults);
  return {
    tableName,
    idempotencyWindow: request.idempotencyWindow ?? '24h',
    evolutionMode: request.evolutionMode ?? 'strict',
    compatibilityMode: request.compatibilityMode ?? 'none',
    retention: request.retention ?? null,
    columns,
    primaryKeyIds: keyIdsOf(columns, key),
    layout,
  };
}

/** The columns with their field ids. What is wrong goes into `faults`; the columns are of no use then. */
function defineColumns(
  requests: readonly ColumnRequest[],
  path: string,
  faults: DefinitionFault[],
): readonly Column[] {
  /** `beyond` is the first column that is too many. */
  const refuseCount = (count: number, beyond: { readonly name: string } | undefined): void => {
    const message = `${COLUMN_COUNT_RULE}; found ${count}`;
    faults.push({ path, message, ...aboutColumn(beyond?.name), allowed: [COLUMN_COUNT] });
  };
  if (requests.length === 0 || requests.length > MAX_COLUMNS) {
    refuseCount(requests.length, requests[MAX_COLUMNS]);
    return [];
  }
  const defined = requests.map((request, index) => defineColumn(request, `${path}[${index}]`));
  faults.push(...defined.flatMap((one) => one.faults));
  const names = requests.map(({ name }) => (typeof name === 'string' ? name : ''));
  for (const { index, first } of repeatedNames(names)) {
    const name = names[index] ?? '';
    if (name === '') continue;
    const message = `has the name of column ${first}; names must differ in more than case`;
    const allowed = [otherThan(names[first] ?? '')];
    faults.push({ path: `${path}[${index}].name`, message, column: name, allowed });
  }
  const columns = withFieldIds(defined.flatMap(({ column }) => column ?? []));
  let count = 0;
  const beyond = columns.find((column) => (count += countFields([column])) > MAX_COLUMNS);
  if (beyond !== undefined) refuseCount(countFields(columns), beyond);
  return columns;
}
