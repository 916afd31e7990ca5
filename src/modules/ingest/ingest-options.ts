import { REQUEST_INVALID } from '../../kernel/index.js';
import { describeFound, memberPath } from '../tables/index.js';
import { Violations } from './request-violations.js';

/** How a request wants to be answered. */
export interface IngestOptions {
  /** Records that do not fit go to the dead letters, and do not refuse the request. */
  readonly quarantine: boolean;
  readonly wait: boolean;
  /** Cut at the maximum. */
  readonly timeoutMs: number;
}

export interface WaitLimits {
  readonly timeoutMs: number;
  readonly maxTimeoutMs: number;
}

/** In the body's object or in the query string. */
export const OPTION_NAMES = ['on_invalid', 'wait_for_visibility', 'visibility_timeout_ms'] as const;
const DIGITS = /^\d{1,15}$/;

/**
 * Reads the options from the fields of a JSON body and from the query string; naming one in both is refused.
 * Throws REQUEST_INVALID, for unknown query parameters too.
 */
export function readIngestOptions(
  body: Readonly<Record<string, unknown>>,
  queryString: Readonly<Record<string, unknown>>,
  limits: WaitLimits,
): IngestOptions {
  const violations = new Violations();
  refuseUnknown(queryString, violations);
  for (const name of OPTION_NAMES) {
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
  const onInvalid = body.on_invalid === undefined ? queryString.on_invalid : body.on_invalid;
  if (onInvalid !== undefined && onInvalid !== 'refuse' && onInvalid !== 'quarantine') {
    const message = 'must be refuse or quarantine';
    violations.add({
      path: '$.on_invalid',
      message,
      expected: 'refuse or quarantine',
      found: describeFound(onInvalid),
    });
  }
  violations.refuse(REQUEST_INVALID);
  const askedMs = typeof timeoutMs === 'number' ? timeoutMs : limits.timeoutMs;
  return {
    quarantine: onInvalid === 'quarantine',
    wait: wait === true,
    timeoutMs: Math.min(askedMs, limits.maxTimeoutMs),
  };
}

function refuseUnknown(queryString: Readonly<Record<string, unknown>>, violations: Violations): void {
  for (const name of Object.keys(queryString)) {
    if ((OPTION_NAMES as readonly string[]).includes(name)) continue;
    violations.add({ path: `$${memberPath(name)}`, message: 'is not a known query parameter' });
  }
}

function fromText(text: unknown, values: Readonly<Record<string, boolean>>): unknown {
  return typeof text === 'string' && Object.hasOwn(values, text) ? values[text] : text;
}
