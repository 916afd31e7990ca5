import { typedField, type Column } from '../../kernel/index.js';
import type { EventOp } from '../bus/index.js';
import type { CheckOptions } from './field-checks.js';
import { PayloadValidator } from './payload-validator.js';
import { keyColumnsOf } from './primary-key.js';

/** Validators of one schema version of a table, one for rows and, where the table has a key, one for deletes. */
export class RecordValidator {
  private readonly rows: PayloadValidator;
  private readonly deletes: PayloadValidator | undefined;

  /** `keyIds` are the field ids of the primary key's columns; none where the table has no key. */
  constructor(
    private readonly columns: readonly Column[],
    private readonly keyIds: readonly number[] = [],
    private readonly options: CheckOptions = {},
  ) {
    this.rows = new PayloadValidator(columns, options);
    if (keyIds.length > 0) this.deletes = new PayloadValidator(deleteColumns(columns, keyIds), options);
  }

  /** Whether the table has a primary key. */
  get isKeyed(): boolean {
    return this.deletes !== undefined;
  }

  /** Whether both make the same of every record. Field ids play no part in that. */
  matches(other: RecordValidator): boolean {
    return this.rules() === other.rules();
  }

  /** As text: json keeps the order of names in a default. */
  private rules(): string {
    const { columns, keyIds, options } = this;
    const key = keyColumnsOf(columns, keyIds).map(({ name }) => name);
    return JSON.stringify([columns.map(typedField), key, options]);
  }

  /** Undefined where the table does not take the op, for lack of a primary key. */
  for(op: EventOp): PayloadValidator | undefined {
    if (op === 'insert') return this.rows;
    if (this.deletes === undefined) return undefined;
    return op === 'delete' ? this.deletes : this.rows;
  }
}

/**
 * A delete names its key, whatever defaults its columns have: a row that nobody named is not deleted. It may have more
 * of the row than that.
 */
function deleteColumns(columns: readonly Column[], keyIds: readonly number[]): Column[] {
  return columns.map(({ default: _, ...column }) =>
    keyIds.includes(column.id) ? column : { ...column, nullable: true },
  );
}
