import { LIST_ELEMENT } from '../../kernel/index.js';
import { isJsonObject, memberPath } from '../tables/index.js';
import type { SentBody } from './sent-body.js';

/** The first record that has a column or a part of one, and where. `path` has names from the column down. */
export function placeOfField(
  body: SentBody,
  path: readonly string[],
): { readonly path: string; readonly record: number; readonly line?: number } | undefined {
  for (const [record, sent] of body.records.entries()) {
    const found = isJsonObject(sent) ? pathTo(sent.payload, path) : undefined;
    if (found === undefined) continue;
    const place = body.placeOf(record);
    return { record, ...place, path: `${place.path}.payload${found}` };
  }
  return undefined;
}

function pathTo(value: unknown, [name, ...rest]: readonly string[]): string | undefined {
  if (name === undefined) return '';
  if (Array.isArray(value) && name === LIST_ELEMENT) {
    for (const [index, item] of value.entries()) {
      const below = pathTo(item, rest);
      if (below !== undefined) return `[${index}]${below}`;
    }
    return undefined;
  }
  if (!isJsonObject(value) || !Object.hasOwn(value, name)) return undefined;
  const below = pathTo(value[name], rest);
  return below === undefined ? undefined : memberPath(name) + below;
}
