const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The RFC 9535 path of a value: `$.columns[0].name`, `$['a b']`. */
export function jsonPath(keys: readonly (string | number)[]): string {
  return keys.reduce<string>((path, key) => {
    if (typeof key === 'number') return `${path}[${key}]`;
    return PLAIN_NAME.test(key) ? `${path}.${key}` : `${path}['${quoted(key)}']`;
  }, '$');
}

function quoted(key: string): string {
  return JSON.stringify(key.toWellFormed()).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
}
