import { AppError, PAYLOAD_TOO_LARGE } from '../../kernel/index.js';
import { toExactNumber } from '../tables/index.js';
import { MAX_CONTAINERS, MAX_EXACT_VALUES } from './ingest-limits.js';
import { findJsonFault, type JsonFault } from './json-fault.js';
import { scanJson } from './json-scan.js';

/** A JSON text, parsed without loss: numbers that a double would round are `ExactNumber`s. */
export interface LosslessDocument {
  readonly value: unknown;
  /** Members of all objects in the text. More than `value` holds: a key was there twice. */
  readonly members: number;
  /** What reading the text cost. */
  readonly cost: ParseCost;
}

export interface ParseCost {
  /** Objects and arrays. */
  readonly containers: number;
  /** Values that were read digit by digit. */
  readonly exactValues: number;
}

/** Thrown for a text that is refused as it stands. */
export class JsonFaultError extends Error {
  constructor(readonly fault: JsonFault) {
    super(fault.message);
    this.name = 'JsonFaultError';
  }
}

type SourceReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
const parseWithSource = JSON.parse as unknown as (text: string, reviver: SourceReviver) => unknown;

/**
 * Parses valid UTF-8 from `start` to `end`, nesting at most `maxNesting` deep. Throws `JsonFaultError` for malformed text, nesting beyond the limit,
 * numbers beyond a double's range and lone surrogates; PAYLOAD_TOO_LARGE for a cost beyond the limits. Keys that are there twice are for the caller to find by
 * `members`, who walks the value anyway.
 */
export function parseLossless(
  bytes: Buffer,
  start: number,
  end: number,
  maxNesting: number,
): LosslessDocument {
  const scan = scanJson(bytes, start, end, maxNesting);
  const exactValues = scan.longNumbers ? scan.commas + scan.containers : 0;
  const cost = { containers: scan.containers, exactValues };
  refuseCost(cost);
  const text = bytes.toString('utf8', start, end);
  if (scan.depth > maxNesting) throw new JsonFaultError(faultOf(text, maxNesting, undefined));
  let value: unknown;
  try {
    value = scan.longNumbers ? parseWithSource(text, keepDigits) : (JSON.parse(text) as unknown);
  } catch (error) {
    throw new JsonFaultError(faultOf(text, maxNesting, error));
  }
  if (scan.surrogates && !isTreeWellFormed(value))
    throw new JsonFaultError(faultOf(text, maxNesting, undefined));
  return { value, members: scan.members, cost };
}

/** Throws PAYLOAD_TOO_LARGE when a request costs more to read than it may. */
export function refuseCost({ containers, exactValues }: ParseCost): void {
  if (containers > MAX_CONTAINERS) {
    throw new AppError(
      PAYLOAD_TOO_LARGE,
      `A request holds ${MAX_CONTAINERS} objects and arrays at most, those inside of payloads included.`,
      { context: { max_containers: MAX_CONTAINERS } },
    );
  }
  if (exactValues > MAX_EXACT_VALUES) {
    throw new AppError(
      PAYLOAD_TOO_LARGE,
      `A request with numbers of more than 15 characters or with an exponent holds ${MAX_EXACT_VALUES} values at most.`,
      { context: { max_values: MAX_EXACT_VALUES } },
    );
  }
}

/** A double has 15 digits for sure. */
const SHORT_NUMBER = /^[-.\d]{1,15}$/;

function keepDigits(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || source === undefined || SHORT_NUMBER.test(source)) return value;
  return toExactNumber(source, value);
}

function faultOf(text: string, maxNesting: number, cause: unknown): JsonFault {
  const fault = findJsonFault(text, maxNesting);
  if (fault === undefined) throw new Error('the parser refused a text without a fault', { cause });
  return fault;
}

function isTreeWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isTreeWellFormed);
  return Object.entries(value).every(([key, member]) => key.isWellFormed() && isTreeWellFormed(member));
}
