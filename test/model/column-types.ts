/** What has a type: a column, a field of a struct, or the element of a list. */
export interface Typed {
  readonly type: string;
  readonly parts?: readonly Part[] | undefined;
}

interface Part extends Typed {
  readonly name: string;
  readonly nullable: boolean;
  readonly filling?: unknown;
}

const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A name as types and paths have it. */
const nameText = (name: string): string => (PLAIN_NAME.test(name) ? name : JSON.stringify(name));

/** The name of a column as it is, of a part with all that is above it. */
export const pathText = (path: readonly string[]): string =>
  path.length === 1 ? path.join('') : path.map(nameText).join('.');

/** As a table's schema has it. */
export const typeText = (typed: Typed): string =>
  textOf(typed, ({ nullable, filling }) => {
    const notNull = nullable ? '' : ' not null';
    return filling === undefined ? notNull : `${notNull} default ${JSON.stringify(filling)}`;
  });

/** As a query answers it, which says nothing of nulls and defaults. */
export const queryTypeText = (typed: Typed): string => textOf(typed, () => '');

function textOf({ type, parts = [] }: Typed, rulesOf: (part: Part) => string): string {
  const texts = parts.map((part) => {
    const text = `${textOf(part, rulesOf)}${rulesOf(part)}`;
    return type === 'list' ? text : `${nameText(part.name)}: ${text}`;
  });
  return parts.length === 0 ? type : `${type}<${texts.join(', ')}>`;
}
