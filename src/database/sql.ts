import { preparedMark } from './prepared-client.js';

/** A statement with its values apart. Build it with `sql`, run it with `query`. */
export class Statement {
  constructor(
    readonly text: string,
    readonly values: readonly unknown[],
  ) {}
}

class Identifier {
  constructor(readonly quoted: string) {}
}

/** Quotes a name for use in a statement. The only way that text which is not a literal gets into SQL. */
export function identifier(name: string): Identifier {
  return new Identifier(`"${name.replaceAll('"', '""')}"`);
}

/** Template tag: every `${value}` becomes a bound parameter, except identifiers and nested statements. */
export function sql(parts: TemplateStringsArray, ...args: readonly unknown[]): Statement {
  const values: unknown[] = [];
  let text = parts[0] ?? '';
  args.forEach((arg, index) => {
    if (arg instanceof Identifier) text += arg.quoted;
    else if (arg instanceof Statement) {
      const offset = values.length;
      text += arg.text.replace(/\$(\d+)/g, (_, n: string) => `$${Number(n) + offset}`);
      values.push(...arg.values);
    } else {
      values.push(arg);
      text += `$${values.length}`;
    }
    text += parts[index + 1] ?? '';
  });
  return new Statement(text, values);
}

/**
 * `sql` for a statement that is planned once a connection: one that runs often and takes longer to plan than to run. Its
 * text must be the same each time, and its plan good for any values. No other statement may have the name.
 */
export const prepared =
  (name: string) =>
  (parts: TemplateStringsArray, ...args: readonly unknown[]): Statement => {
    const { text, values } = sql(parts, ...args);
    return new Statement(preparedMark(name) + text, values);
  };

/** What runs statements: a transaction (`Tx`) or the pool (`DataSource`). */
export interface SqlExecutor {
  query(text: string, values?: unknown[]): Promise<unknown>;
}

/** Runs a statement that returns rows (SELECT, or DML with RETURNING) and answers them. */
export async function query<Row>(executor: SqlExecutor, statement: Statement): Promise<Row[]> {
  const result: unknown = await executor.query(statement.text, [...statement.values]);
  // TypeORM answers UPDATE and DELETE as [rows, count], everything else as rows.
  if (
    Array.isArray(result) &&
    result.length === 2 &&
    Array.isArray(result[0]) &&
    typeof result[1] === 'number'
  ) {
    return result[0] as Row[];
  }
  return result as Row[];
}
