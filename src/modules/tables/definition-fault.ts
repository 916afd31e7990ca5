import { AppError, REQUEST_INVALID } from '../../kernel/index.js';

const SHOWN_FAULTS = 100;
const SHOWN_CHARS = 128;
const SHOWN_CHOICES = 20;

/** A rule that a definition breaks, and where. */
export interface DefinitionFault {
  /** JSON path. */
  readonly path: string;
  readonly message: string;
  /** The column that it is about, as the request names it. */
  readonly column?: string;
  /** What could be asked for instead. */
  readonly allowed?: readonly string[];
}

/** REQUEST_INVALID with the first faults. */
export function invalidDefinition(faults: readonly DefinitionFault[]): AppError {
  const violations = faults.slice(0, SHOWN_FAULTS).map((fault): DefinitionFault => {
    return fault.column === undefined ? fault : { ...fault, column: shownName(fault.column) };
  });
  const [first] = violations;
  const place = first?.column === undefined ? first?.path : `Column "${first.column}" at ${first.path}`;
  const more = faults.length > 1 ? `, and ${faults.length - 1} more` : '';
  return new AppError(REQUEST_INVALID, `${place}: ${first?.message}${more}.`, { context: { violations } });
}

/** A name that a client sent, fit for an answer. */
export const shownName = (name: string): string => name.slice(0, SHOWN_CHARS).toWellFormed();

/** What a violation carries of the column that it is about, where that has a name. */
export const aboutColumn = (name: unknown): { readonly column?: string } =>
  typeof name === 'string' ? { column: shownName(name) } : {};

/** The first names to choose from. */
export const shownNames = (columns: readonly { readonly name: string }[]): string[] =>
  columns.slice(0, SHOWN_CHOICES).map(({ name }) => name);

/** The same as text. */
export function shownNameList(columns: readonly { readonly name: string }[]): string {
  const shown = shownNames(columns);
  return (
    shown.join(', ') + (columns.length > shown.length ? `, and ${columns.length - shown.length} more` : '')
  );
}
