import { REQUEST_INVALID } from '../../kernel/index.js';
import { describeFound, memberPath } from '../tables/index.js';
import { Violations } from './request-violations.js';

/** How a request wants to be answered. */
export interface WaitOptions {
  readonly wait: boolean;
  /** Cut at the maximum. */
  readonly timeoutMs: number;
}

export interface WaitLimits {
  readonly timeoutMs: number;
  readonly maxTimeoutMs: number;
}

const NAMES = ['wait_for_visibility', 'visibility_timeout_ms'] as const;
const DIGITS = /^\d{1,15}$/;

/**
 * Reads the options from the fields of a JSON body and from the query string; naming one in both is refused.
 * Throws REQUEST_INVALID, for unknown query parameters too.
 */
export function readWaitOptions(
  body: Readonly<Record<string, unknown>>,
  queryString: Readonly<Record<string, unknown>>,
  limits: WaitLimits,
): WaitOptions {
  const violations = new Violations();
  refuseUnknown(queryString, violations);
  for (const name of NAMES) {
    if (body[name] !== undefined && queryString[name] !== undefined) {
      violations.add({ path: `$.${name}`, message: 'is in the body and in the query string; send it once' });
    }
  }
  const wait =
    body.wait_for_visibility ?? fromText(queryString.wait_for_visibility, { true: true, false: false });
  if (wait !== undefined && typeof wait !== 'boolean') {
    const message = 'must be true or false';
    violations.add({
      path: '$.wait_for_visibility',
      message,
      expected: 'boolean',
      found: describeFound(wait),
    });
  }
  const sentMs = queryString.visibility_timeout_ms;
  const timeoutMs = body.visibility_timeout_ms ?? (DIGITS.test(String(sentMs)) ? Number(sentMs) : sentMs);
  if (timeoutMs !== undefined && !(Number.isInteger(timeoutMs) && Number(timeoutMs) >= 0)) {
    const message = 'must be a whole number of milliseconds';
    violations.add({
      path: '$.visibility_timeout_ms',
      message,
      expected: 'integer',
      found: describeFound(timeoutMs),
    });
  }
  violations.refuse(REQUEST_INVALID);
  const askedMs = typeof timeoutMs === 'number' ? timeoutMs : limits.timeoutMs;
  return { wait: wait === true, timeoutMs: Math.min(askedMs, limits.maxTimeoutMs) };
}

function refuseUnknown(queryString: Readonly<Record<string, unknown>>, violations: Violations): void {
  for (const name of Object.keys(queryString)) {
    if ((NAMES as readonly string[]).includes(name)) continue;
    const message = name === 'on_invalid' ? 'is not supported yet' : 'is not a known query parameter';
    violations.add({ path: `$${memberPath(name)}`, message });
  }
}

function fromText(text: unknown, values: Readonly<Record<string, boolean>>): unknown {
  return typeof text === 'string' && Object.hasOwn(values, text) ? values[text] : text;
}
