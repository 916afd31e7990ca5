import { inTurns, typedField, type Column, type TypedField } from '../../../kernel/index.js';
import type { EventOp } from '../../bus/index.js';
import { countFields, lastFieldId } from '../field-ids.js';
import { RecordValidator } from '../record-validator.js';
import { MAX_COLUMNS } from '../table-definition.js';
import { grownColumns, type Growing } from './grown-columns.js';
import { joinedFields } from './joined-type.js';
import { FieldNeeds } from './needed-fields.js';

/** A record whose own fields are right, with its payload as it was sent. */
export interface SampleRecord {
  readonly op: EventOp;
  readonly payload: Record<string, unknown>;
}

interface LearningTable {
  readonly columns: readonly Column[];
  readonly primaryKeyIds: readonly number[];
  readonly evolves: boolean;
}

/** What records teach their table. */
export interface Lesson {
  readonly needed: TypedField[];
  /** Of the schema that they would make; undefined where nothing is needed, or more than a table can have. */
  readonly validator?: RecordValidator;
}

/** A value may need several steps up to json. */
const MAX_STEPS = 10;
/** Without a record that was left out, the schema may be one that refuses another. */
const MAX_ROUNDS = 3;

/**
 * What the records need of their table beyond what it has. A record is judged by the schema that all of them would make:
 * one that it would refuse teaches nothing, and with `allOrNone` neither do the others. Changes no payload. Throws
 * `TooManyFields`.
 */
export async function taughtFields(
  table: LearningTable,
  records: readonly SampleRecord[],
  allOrNone: boolean,
): Promise<Lesson> {
  const validator = validatorOf(table, table.columns);
  let teachers = records.filter(({ op }) => validator.for(op) !== undefined);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { refused, ...lesson } = await lessonOf(table, teachers);
    if (refused.size === 0) return lesson;
    if (allOrNone) break;
    teachers = teachers.filter((record) => !refused.has(record));
  }
  return { needed: [] };
}

/** What the records need in the end, which may come out step by step, and those that such a schema would refuse. */
async function lessonOf(
  table: LearningTable,
  records: readonly SampleRecord[],
): Promise<Lesson & { refused: ReadonlySet<SampleRecord> }> {
  const rules = { forGood: !table.evolves };
  let grown: Growing = { columns: table.columns, lastColumnId: lastFieldId(table.columns) };
  let needed: TypedField[] = [];
  let observed = records;
  let refused: readonly SampleRecord[] = [];
  let validator: RecordValidator | undefined;
  for (let step = 0; step < MAX_STEPS; step++) {
    const needs = new FieldNeeds(grown.columns.map(typedField));
    await inTurns(observed, ({ payload }, index) => needs.observe(payload, index));
    const more = needs.result(rules);
    if (more.length === 0) break;
    needed = joinedFields(needed, more);
    grown = grownColumns(grown, more);
    // The growth itself is refused then.
    if (countFields(grown.columns) > MAX_COLUMNS) return { needed, refused: new Set() };
    validator = validatorOf(table, grown.columns);
    refused = await refusedBy(validator, records);
    if (refused.length === 0) break;
    observed = refused;
  }
  return { needed, refused: new Set(refused), ...(validator !== undefined && { validator }) };
}

const validatorOf = ({ primaryKeyIds, evolves }: LearningTable, columns: readonly Column[]) =>
  new RecordValidator(columns, primaryKeyIds, { dropsUnknownNulls: evolves });

async function refusedBy(
  validator: RecordValidator,
  records: readonly SampleRecord[],
): Promise<SampleRecord[]> {
  const refused: SampleRecord[] = [];
  await inTurns(records, (record) => {
    if (validator.for(record.op)?.accepts(record.payload) !== true) refused.push(record);
  });
  return refused;
}
