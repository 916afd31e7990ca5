import type { AppError } from '../kernel/index.js';
import { bodyInvalid } from './body.errors.js';
import { jsonPath } from './json-path.js';
import { locateJsonError } from './json-error.js';

/** No call needs more; deeper values would overflow the stack of what walks them recursively. */
const MAX_DEPTH = 64;

/** Parses JSON text. Throws REQUEST_INVALID with the position of the fault, also for keys that reach a prototype. */
export function parseJson(text: string): unknown {
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

interface Node {
  readonly value: unknown;
  readonly key: string | number | undefined;
  readonly parent: Node | undefined;
  readonly depth: number;
}

/** Walks without recursion, so that depth itself cannot hurt. */
function refuseUnsafe(root: unknown): void {
  const pending: Node[] = [{ value: root, key: undefined, parent: undefined, depth: 0 }];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const { value, depth } = node;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > MAX_DEPTH) throw bodyInvalid(`The body is nested deeper than ${MAX_DEPTH} levels.`);
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i += 1)
        pending.push({ value: value[i], key: i, parent: node, depth: depth + 1 });
      continue;
    }
    for (const [key, member] of Object.entries(value)) {
      const child = { value: member as unknown, key, parent: node, depth: depth + 1 };
      if (reachesPrototype(key, member)) throw forbiddenKey(child);
      pending.push(child);
    }
  }
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

function forbiddenKey(node: Node): AppError {
  const keys: (string | number)[] = [];
  for (let at: Node | undefined = node; at?.key !== undefined; at = at.parent) keys.unshift(at.key);
  const path = jsonPath(keys);
  return bodyInvalid(`The body has a key that is not allowed: ${path}.`, {
    violations: [{ path, message: 'this key is not allowed' }],
  });
}
