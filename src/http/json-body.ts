import type { AppError } from '../kernel/index.js';
import { bodyInvalid } from './body.errors.js';
import { jsonPath } from './json-path.js';
import { locateJsonError } from './json-error.js';

/** No call needs more; deeper values would overflow the stack of what walks them recursively. */
const MAX_DEPTH = 64;

/** Parses JSON text. Throws REQUEST_INVALID with the position of the fault, also for keys that reach a prototype. */
export function parseJson(text: string): unknown {
  refuseDeep(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed(text);
  }
  refuseUnsafe(value);
  return value;
}

function malformed(text: string): AppError {
  const at = locateJsonError(text);
  if (at === undefined) return bodyInvalid('The body is not valid JSON.');
  const { offset, line, column, expected } = at;
  return bodyInvalid(`The body is not valid JSON: expected ${expected} at line ${line}, column ${column}.`, {
    violations: [
      { path: '$', message: `malformed JSON: expected ${expected}`, position: offset, line, column },
    ],
  });
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACKETS = { open: 0x5b, close: 0x5d } as const;
const BRACES = { open: 0x7b, close: 0x7d } as const;

/** Before it is parsed, because the parser itself takes long for it. */
function refuseDeep(text: string): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (inString) {
      if (char === BACKSLASH) i += 1;
      else if (char === QUOTE) inString = false;
    } else if (char === QUOTE) inString = true;
    else if (char === BRACKETS.close || char === BRACES.close) depth -= 1;
    else if (char === BRACKETS.open || char === BRACES.open) {
      depth += 1;
      if (depth > MAX_DEPTH + 1) throw bodyInvalid(`The body is nested deeper than ${MAX_DEPTH} levels.`);
    }
  }
}

/** Where the walk is in one object or array. */
interface Step {
  readonly entries: Iterator<[string | number, unknown]>;
  key: string | number;
}

/** Walks with one step for each level, so that neither depth nor width can hurt. */
function refuseUnsafe(root: unknown): void {
  const steps = [stepInto(root)].filter((step) => step !== undefined);
  for (let step = steps.at(-1); step !== undefined; step = steps.at(-1)) {
    const next = step.entries.next();
    if (next.done === true) {
      steps.pop();
      continue;
    }
    const [key, member] = next.value;
    step.key = key;
    if (typeof key === 'string' && reachesPrototype(key, member))
      throw forbiddenKey(steps.map((passed) => passed.key));
    const inner = stepInto(member);
    if (inner !== undefined) steps.push(inner);
  }
}

function stepInto(value: unknown): Step | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const entries: Iterator<[string | number, unknown]> = Array.isArray(value)
    ? value.entries()
    : Object.entries(value).values();
  return { entries, key: '' };
}

function reachesPrototype(key: string, member: unknown): boolean {
  if (key === '__proto__') return true;
  return (
    key === 'constructor' &&
    typeof member === 'object' &&
    member !== null &&
    Object.hasOwn(member, 'prototype')
  );
}

function forbiddenKey(keys: readonly (string | number)[]): AppError {
  const path = jsonPath(keys);
  return bodyInvalid(`The body has a key that is not allowed: ${path}.`, {
    violations: [{ path, message: 'this key is not allowed' }],
  });
}
