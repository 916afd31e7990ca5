import { characterPosition, notAllowed, Refusal } from './refusal.js';
import { CteScope, foldCase } from './scope.js';
import { expressionRule, tableFunctionRule } from './expressions.js';
import { modifierRule } from './modifiers.js';
import { queryRule } from './queries.js';
import { tableRule } from './tables.js';
import { isNode, statement, type TreeRecord, type Walk } from './tree.js';

export const MAX_SQL_BYTES = 64 * 1024;
export const MAX_TREE_BYTES = 8 * 1024 * 1024;

/** What a statement that passed may read. */
export interface Passed {
  /** The tenant's tables that it names, in alphabetical order. */
  readonly tables: string[];
  /** Names of its parameters; `1`, `2`… for positional ones. */
  readonly parameters: string[];
  /** True when it reads the names of all tables and columns. */
  readonly readsCatalog: boolean;
}

export interface GateTable {
  readonly name: string;
  readonly columnNames: readonly string[];
}

/** Refuses text that is not worth parsing. */
export function checkText(sql: string): void {
  if (sql.includes('\0'))
    throw notAllowed('NUL', 'the statement contains a NUL character', sql.indexOf('\0'));
  const bytes = Buffer.byteLength(sql, 'utf8');
  if (bytes > MAX_SQL_BYTES) {
    throw notAllowed('statement', `the statement has ${bytes} bytes; ${MAX_SQL_BYTES} are allowed`);
  }
}

const WALK: Walk = {
  expression: expressionRule,
  modifier: modifierRule,
  query: queryRule,
  table: tableRule,
  tableFunction: tableFunctionRule,
};

/** Walks what `json_serialize_sql` answered. Throws a `Refusal`. */
export function checkTree(treeText: string, tables: readonly GateTable[]): Passed {
  if (Buffer.byteLength(treeText, 'utf8') > MAX_TREE_BYTES) throw tooComplex();
  const tree: unknown = JSON.parse(treeText);
  if (!isNode(tree)) throw new Error('json_serialize_sql answered something else than an object');
  if (tree.error !== false) throw parseRefusal(tree);
  const statements = tree.statements;
  if (Array.isArray(statements) && statements.length === 0)
    throw new Refusal('SQL_INVALID', 'the statement is empty');
  if (!Array.isArray(statements) || statements.length !== 1) {
    throw notAllowed('statement', 'exactly one statement is allowed');
  }
  const record: TreeRecord = {
    known: new Map(tables.map(({ name }) => [foldCase(name), name])),
    tables: new Set(),
    parameters: new Set(),
    readsCatalog: false,
    aliases: new Set(),
    valueFunctions: [],
  };
  try {
    statement(
      statements[0],
      { walk: WALK, scope: CteScope.EMPTY, record, offset: undefined, depth: 0 },
      'statement',
    );
  } catch (error) {
    if (error instanceof RangeError) throw tooComplex();
    throw error;
  }
  checkValueFunctions(record, tables);
  return {
    tables: [...record.tables].sort(),
    parameters: [...record.parameters],
    readsCatalog: record.readsCatalog,
  };
}

export const tooComplex = (): Refusal =>
  notAllowed('statement', 'the statement is too large or too deeply nested');

function checkValueFunctions(record: TreeRecord, tables: readonly GateTable[]): void {
  if (record.valueFunctions.length === 0) return;
  const columns = new Set(tables.flatMap((table) => table.columnNames.map((name) => name.toLowerCase())));
  for (const { name, offset } of record.valueFunctions) {
    if (!columns.has(name) && !record.aliases.has(name))
      throw notAllowed(name, `${name} is not allowed`, offset);
  }
}

function parseRefusal(tree: Readonly<Record<string, unknown>>): Refusal {
  const message = String(tree.error_message);
  if (tree.error_type === 'parser') {
    const offset = tree.position === undefined ? undefined : Number(tree.position);
    return new Refusal('SQL_INVALID', message, { offset });
  }
  if (message.startsWith('Only SELECT')) {
    return notAllowed(
      'statement',
      'only a single SELECT is allowed (a PIVOT needs the values of its IN list)',
    );
  }
  return notAllowed('statement', message);
}

/** What the parent is told about a refusal. */
export function refusalDetails(refusal: Refusal, sql: string): Record<string, unknown> {
  const position = characterPosition(sql, refusal.at.offset);
  return {
    code: refusal.code,
    ...(refusal.at.name !== undefined && { name: refusal.at.name.slice(0, 200) }),
    ...(position !== undefined && { position }),
  };
}
