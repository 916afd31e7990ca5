import { ExactNumber } from './exact-number.js';

const FOUND_MAX_CHARS = 80;
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const NAME_MAX_CHARS = 128;

/** A member's step in a JSON path: `.name`, or `['a name']` where the name is not plain. Long names are cut. */
export function memberPath(name: string): string {
  const shown = name.length > NAME_MAX_CHARS ? `${name.slice(0, NAME_MAX_CHARS)}…` : name;
  if (PLAIN_NAME.test(shown)) return `.${shown}`;
  const quoted = JSON.stringify(shown.toWellFormed())
    .slice(1, -1)
    .replaceAll('\\"', '"')
    .replaceAll("'", "\\'");
  return `['${quoted}']`;
}

/** A value as a violation shows it: its JSON text, cut at 80 characters. */
export function describeFound(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value instanceof ExactNumber) return cut(value.source);
  if (typeof value === 'string') return cut(JSON.stringify(cut(value).toWellFormed()));
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return JSON.stringify(value);
}

function cut(text: string): string {
  return text.length > FOUND_MAX_CHARS ? `${text.slice(0, FOUND_MAX_CHARS)}…` : text;
}
