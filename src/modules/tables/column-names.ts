const MAX_NAME_CHARS = 128;
const NAME_RULE = `1 to ${MAX_NAME_CHARS} characters in Unicode normal form C, without control characters`;
/** What a column and a field of a struct may be called. */
export const COLUMN_NAME_RULE = `${NAME_RULE}, not beginning with "_"`;
export const FIELD_NAME_RULE = `${NAME_RULE}, but for the reserved names`;
/** Of a name that a sibling has. */
export const otherThan = (taken: string): string => `a name that differs from "${taken}" in more than case`;

/** DuckDB's own word in a list of field ids, and the one that no object of JavaScript can hold as a plain member. */
const RESERVED_PARTS = ['__duckdb_field_id', '__proto__'];

/** Why nothing can have this name, be it a column or a field of a struct; undefined when it can. */
function faultOfAnyName(name: string): string | undefined {
  if (name === '' || [...name].length > MAX_NAME_CHARS) return `must have 1 to ${MAX_NAME_CHARS} characters`;
  if (/[\p{Cc}\p{Cs}]/u.test(name)) return 'must not have control characters';
  return name.normalize('NFC') === name ? undefined : 'must be in Unicode normal form C';
}

/** Why a column cannot have this name; undefined when it can. */
export function faultOfColumnName(name: string): string | undefined {
  if (name.startsWith('_')) return 'must not begin with "_"; those names are reserved';
  return faultOfAnyName(name);
}

/** Why a field of a struct cannot have this name; undefined when it can. */
export function faultOfFieldName(name: string): string | undefined {
  if (RESERVED_PARTS.includes(name.toLowerCase())) return 'must not be one of the reserved names';
  return faultOfAnyName(name);
}

/** The same for all spellings of a name that count as one. */
export const foldedName = (name: string): string => name.normalize('NFC').toLowerCase();

/** For each name that an earlier one equals without regard to case: its index and that of the first. */
export function repeatedNames(
  names: readonly string[],
): readonly { readonly index: number; readonly first: number }[] {
  const firstAt = new Map<string, number>();
  return names.flatMap((name, index) => {
    // DuckDB takes names that differ in case alone for one.
    const folded = foldedName(name);
    const first = firstAt.get(folded);
    if (first !== undefined) return [{ index, first }];
    firstAt.set(folded, index);
    return [];
  });
}
