import {
  columnTypeText,
  FIRST_USER_FIELD_ID,
  inTurns,
  typedField,
  UNPARTITIONED,
  type Column,
} from '../../../kernel/index.js';
import { lastFieldId } from '../field-ids.js';
import { RecordValidator } from '../record-validator.js';
import type { EvolutionMode } from '../table-definition.js';
import type { Table } from '../table.store.js';
import type { SchemaViolation } from '../tables.errors.js';
import { describeFound, memberPath } from '../violation.js';
import { TooManyFields } from './field-budget.js';
import { grownColumns, type Growing } from './grown-columns.js';
import { beyondInference } from './growth.errors.js';
import { growthObjections, type GrowingTable } from './growth-faults.js';
import { FieldNeeds } from './needed-fields.js';
import { Observation, type InferenceRules } from './observation.js';

/** What was seen in one place. */
export interface SeenType {
  readonly type: string;
  readonly count: number;
  /** The first record that has it, from 0, and its value there, shortened. */
  readonly record: number;
  readonly example: string;
}

export interface ProposedColumn {
  readonly name: string;
  /** Undefined where nothing but null was seen, and the table waits for a value. */
  readonly type: string | undefined;
  readonly nullable: boolean;
  readonly change: 'none' | 'added' | 'widened' | 'deferred';
  /** Of a widened one. */
  readonly formerType: string | undefined;
  readonly presentCount: number;
  readonly nullCount: number;
  readonly seen: readonly SeenType[];
  /** Places in it whose values have no type in common but json. */
  readonly conflicts: readonly { readonly path: string; readonly seen: readonly SeenType[] }[];
}

export interface SchemaProposal {
  readonly table: Table | undefined;
  readonly evolutionMode: EvolutionMode;
  /** The schema that would be made. */
  readonly columns: readonly Column[];
  readonly proposed: readonly ProposedColumn[];
  /** Why the change would be refused. */
  readonly refusals: readonly SchemaViolation[];
  /** Of the proposed schema, or of the one that the table keeps where the change would be refused. */
  readonly validator: RecordValidator;
}

const MAX_ROUNDS = 10;

/**
 * What the payloads would make of a table, or of a new one. They are not changed. Rejects with a `GrowthRefusal` for more
 * fields than inference looks at.
 */
export async function proposeSchema(
  payloads: readonly Readonly<Record<string, unknown>>[],
  table: Table | undefined,
  mode: EvolutionMode | undefined,
): Promise<SchemaProposal> {
  try {
    return await proposal(payloads, table, mode);
  } catch (error) {
    throw error instanceof TooManyFields ? beyondInference(table?.tableName, error) : error;
  }
}

async function proposal(
  payloads: readonly Readonly<Record<string, unknown>>[],
  table: Table | undefined,
  mode: EvolutionMode | undefined,
): Promise<SchemaProposal> {
  const evolutionMode = mode ?? table?.evolutionMode ?? 'strict';
  const rules: InferenceRules = { forGood: evolutionMode === 'strict' };
  const before = table?.columns ?? [];
  const fixed = rules.forGood && before.length > 0;
  const columns = await grownFor(payloads, before, rules);
  const refusals = fixed
    ? changed(before, columns).map(({ name }) => ({
        column: name,
        rule: 'strict',
        message: 'the table does not evolve',
      }))
    : refusalsOf(table ?? NEW_TABLE, columns);
  const kept = refusals.length > 0 ? before : columns;
  const seen = new Observation();
  await inTurns(payloads, (payload, index) => seen.observeFields(payload, index));
  return {
    table,
    evolutionMode,
    columns,
    proposed: proposedColumns(before, columns, seen),
    refusals,
    validator: new RecordValidator(kept, table?.primaryKeyIds, { dropsUnknownNulls: !rules.forGood }),
  };
}

async function grownFor(
  payloads: readonly Readonly<Record<string, unknown>>[],
  before: readonly Column[],
  rules: InferenceRules,
): Promise<readonly Column[]> {
  const lastColumnId = Math.max(FIRST_USER_FIELD_ID - 1, lastFieldId(before));
  let grown: Growing = { columns: before, lastColumnId };
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const needs = new FieldNeeds(grown.columns.map(typedField));
    await inTurns(payloads, (payload, index) => needs.observe(payload, index));
    const needed = needs.result(rules);
    if (needed.length === 0) break;
    grown = grownColumns(grown, needed);
  }
  return grown.columns;
}

const NEW_TABLE: GrowingTable = {
  columns: [],
  primaryKeyIds: [],
  compatibilityMode: 'none',
  partitionSpecs: [UNPARTITIONED],
  partitionSpecId: UNPARTITIONED.spec_id,
  sortOrder: [],
};

/** The very rules of ingest. */
function refusalsOf(table: GrowingTable, after: readonly Column[]) {
  const { faults, incompatible, lost } = growthObjections(table, after);
  const named = faults.map(({ path, rule, message, allowed }) => ({
    column: path[0] ?? '',
    rule,
    message: `${path.map(memberPath).join('').replace(/^\./, '')} ${message}`,
    allowed,
  }));
  return [...named, ...incompatible, ...lost];
}

const changed = (before: readonly Column[], after: readonly Column[]): Column[] => {
  const known = new Set(before);
  return after.filter((column) => !known.has(column));
};

function proposedColumns(
  before: readonly Column[],
  after: readonly Column[],
  seen: Observation,
): ProposedColumn[] {
  const known = new Map(before.map((column) => [column.name, column]));
  const names = new Set(after.map(({ name }) => name));
  const columns = after.map((column): ProposedColumn => {
    const { name, nullable } = column;
    const [type, former] = [columnTypeText(column), known.get(name)];
    const formerType = former && columnTypeText(former);
    const change = formerType === undefined ? 'added' : formerType === type ? 'none' : 'widened';
    return {
      name,
      type,
      nullable,
      change,
      formerType: change === 'widened' ? formerType : undefined,
      ...statsOf(name, seen.fields.get(name)),
    };
  });
  const deferred = [...seen.fields].filter(([name]) => !names.has(name));
  return [
    ...columns,
    ...deferred.map(([name, field]): ProposedColumn => ({
      name,
      type: undefined,
      nullable: true,
      change: 'deferred',
      formerType: undefined,
      ...statsOf(name, field),
    })),
  ];
}

function statsOf(name: string, field: Observation | undefined) {
  const seen = field === undefined ? [] : seenTypes(field);
  const nullCount = field?.seen.get('null')?.count ?? 0;
  return {
    presentCount: seen.reduce((sum, { count }) => sum + count, nullCount),
    nullCount,
    seen,
    conflicts: field === undefined ? [] : conflictsIn(field, `$.payload${memberPath(name)}`),
  };
}

const seenTypes = ({ seen }: Observation): SeenType[] =>
  [...seen]
    .filter(([kind]) => kind !== 'null')
    .map(([type, { count, record, example }]) => ({ type, count, record, example: describeFound(example) }));

function conflictsIn(field: Observation, path: string): { path: string; seen: SeenType[] }[] {
  if (field.isConflict) return [{ path, seen: seenTypes(field) }];
  const inElements = field.element === undefined ? [] : conflictsIn(field.element, `${path}[*]`);
  const inFields = [...field.fields].flatMap(([name, part]) => conflictsIn(part, path + memberPath(name)));
  return [...inElements, ...inFields];
}
