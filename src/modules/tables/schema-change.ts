import { defineColumn, type ColumnRequest } from './column-definition.js';
import { aboutColumn, invalidDefinition, type DefinitionFault } from './definition-fault.js';
import { TABLE_NAME } from './table-definition.js';

/** One change of a table, whose form is right. Columns are named as they are at that point of the list. */
export type TableChange =
  | { readonly op: 'add_column'; readonly column: ColumnRequest }
  | { readonly op: 'drop_column'; readonly name: string }
  | { readonly op: 'rename_column'; readonly from: string; readonly to: string }
  | { readonly op: 'change_type'; readonly name: string; readonly type: string }
  | { readonly op: 'set_nullable'; readonly name: string; readonly nullable: boolean }
  | { readonly op: 'set_default'; readonly name: string; readonly default: unknown }
  | { readonly op: 'set_doc'; readonly name: string; readonly doc: string | null }
  | { readonly op: 'move_column'; readonly name: string; readonly after: string | null }
  | { readonly op: 'rename_table'; readonly to: string };

export type ChangeOp = TableChange['op'];

/** A change as a client sends it. */
export interface ChangeRequest {
  readonly op: string;
  readonly column?: ColumnRequest | null | undefined;
  readonly name?: string | null | undefined;
  readonly from?: string | null | undefined;
  readonly to?: string | null | undefined;
  readonly type?: string | null | undefined;
  readonly nullable?: boolean | null | undefined;
  readonly default?: unknown;
  readonly doc?: string | null | undefined;
  readonly after?: string | null | undefined;
}

type Field = Exclude<keyof ChangeRequest, 'op'>;

/** What each change takes. Where null says something, the words say what. */
const FIELDS: Readonly<Record<ChangeOp, Partial<Record<Field, string | true>>>> = {
  add_column: { column: true },
  drop_column: { name: true },
  rename_column: { from: true, to: true },
  change_type: { name: true, type: true },
  set_nullable: { name: true, nullable: true },
  set_default: { name: true, default: 'null takes the default away' },
  set_doc: { name: true, doc: 'null takes the text away' },
  move_column: { name: true, after: 'null puts the column first' },
  rename_table: { to: true },
};

export const CHANGE_OPS = Object.keys(FIELDS) as ChangeOp[];
export const MAX_CHANGES = 2_000;
const ALL_FIELDS = [...new Set(Object.values(FIELDS).flatMap((fields) => Object.keys(fields)))] as Field[];

/** Throws REQUEST_INVALID with every change that could be right for no table. */
export function readChanges(requests: readonly ChangeRequest[]): TableChange[] {
  const violations = requests.flatMap((request, index) =>
    formViolations(request, changePath(index)).map((fault) => ({ ...aboutChange(request), ...fault })),
  );
  if (violations.length > 0) throw invalidDefinition(violations);
  return requests.map(({ op, ...fields }) => {
    const taken = Object.keys(FIELDS[op as ChangeOp]).map((field) => [field, fields[field as Field]]);
    return { op, ...Object.fromEntries(taken) } as TableChange;
  });
}

/** What a violation carries of the column that a change is about. */
export const aboutChange = ({ name, from, column }: ChangeRequest) =>
  aboutColumn(name ?? from ?? column?.name);

/** Where a change stands in the request. */
export const changePath = (index: number): string => `$.changes[${index}]`;

function formViolations(request: ChangeRequest, path: string): readonly DefinitionFault[] {
  const op = CHANGE_OPS.find((known) => known === request.op);
  if (op === undefined) {
    const message = `must be one of ${CHANGE_OPS.join(', ')}`;
    return [{ path: `${path}.op`, message, allowed: CHANGE_OPS }];
  }
  const fields = FIELDS[op];
  const misplaced = ALL_FIELDS.flatMap((field): DefinitionFault[] => {
    const [value, takes] = [request[field], fields[field]];
    if (takes === undefined) {
      return value === undefined ? [] : [{ path: `${path}.${field}`, message: `${op} does not take it` }];
    }
    if (value === undefined || (value === null && takes === true)) {
      const hint = takes === true ? '' : `; ${takes}`;
      return [{ path: `${path}.${field}`, message: `is required by ${op}${hint}` }];
    }
    return [];
  });
  return misplaced.length > 0 ? misplaced : valueViolations(op, request, path);
}

/** What can be said of the values without the table. Names may be paths, and are read with it. */
function valueViolations(op: ChangeOp, request: ChangeRequest, path: string): readonly DefinitionFault[] {
  const probe = { name: 'x', type: 'string' };
  const column = request.column as ColumnRequest;
  const faultsOf = (part: object, at: string, name: unknown): readonly DefinitionFault[] =>
    defineColumn({ ...probe, ...part }, at).faults.map((fault) => ({ ...fault, column: String(name) }));
  switch (op) {
    case 'add_column':
      return faultsOf({ ...column, name: probe.name }, `${path}.column`, column.name);
    case 'change_type':
      return faultsOf({ type: String(request.type) }, path, request.name);
    case 'set_doc':
      return faultsOf({ doc: request.doc }, path, request.name);
    case 'rename_table':
      return TABLE_NAME.test(String(request.to))
        ? []
        : [{ path: `${path}.to`, message: `must match ${TABLE_NAME.source}` }];
    default:
      return [];
  }
}
