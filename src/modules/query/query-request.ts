import { AppError, REQUEST_INVALID } from '../../kernel/index.js';
import { jsonPath } from '../../http/index.js';
import { isParameterType, type QueryParameter, type QueryParameters } from '../engine/index.js';
import type { SnapshotSelector } from '../snapshots/index.js';
import { toInstantText } from '../tables/index.js';
import type { QueryDto } from './query.dto.js';

const MAX_PARAMETERS = 1000;
/** Above it a whole number can only have been meant as a double. */
const MAX_INTEGER = 2 ** 64;

/** The snapshot that the request asks for. The ways to say it exclude one another. */
export function snapshotSelector(request: QueryDto): SnapshotSelector {
  const { snapshot_id, snapshot_time, min_visibility_token, consistency_timeout_ms } = request;
  const named = (['snapshot_id', 'snapshot_time', 'min_visibility_token'] as const).filter(
    (field) => (request[field] ?? undefined) !== undefined,
  );
  const [first, second] = named;
  if (first !== undefined && second !== undefined)
    throw invalid([second], `cannot be given together with ${first}`);
  if (isGiven(consistency_timeout_ms) && !isGiven(min_visibility_token)) {
    throw invalid(['consistency_timeout_ms'], 'is for min_visibility_token, which is not given');
  }
  if (isGiven(snapshot_id)) return { kind: 'id', snapshotId: snapshot_id };
  if (isGiven(snapshot_time)) return { kind: 'time', at: instant(snapshot_time) };
  return {
    kind: 'latest',
    ...(isGiven(min_visibility_token) && { minVisibilityToken: min_visibility_token }),
    ...(isGiven(consistency_timeout_ms) && { timeoutMs: consistency_timeout_ms }),
  };
}

/** Checks what `params` holds; whether the statement has them is the engine's to say. */
export function queryParameters(params: unknown): QueryParameters {
  if (params === undefined || params === null) return [];
  if (typeof params !== 'object') throw invalid(['params'], 'must be an object or an array');
  const entries: [string | number, unknown][] = Array.isArray(params)
    ? params.map((value: unknown, index) => [index, value])
    : Object.entries(params);
  if (entries.length > MAX_PARAMETERS)
    throw invalid(['params'], `must have at most ${MAX_PARAMETERS} values`);
  const checked = entries.map(([key, value]) => [key, parameter(value, ['params', key])] as const);
  return Array.isArray(params) ? checked.map(([, value]) => value) : Object.fromEntries(checked);
}

function parameter(value: unknown, path: (string | number)[]): QueryParameter {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return exactNumber(value, path);
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw invalid(path, 'must be a string, number, boolean, null, or an object with type and value');
  }
  const { type, value: inner, ...rest } = value as Record<string, unknown>;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalid([...path, unknown], 'is not a known field');
  if (typeof type !== 'string' || !isParameterType(type)) {
    throw invalid([...path, 'type'], 'must be a type of a column, or list<…> of one');
  }
  if (inner === undefined) throw invalid([...path, 'value'], 'is required');
  checkNumbers(inner, [...path, 'value'], /\b(?:float|double)\b/.test(type));
  return { type, value: inner };
}

/** Holds every number inside of a typed value against the same rules; `rounded` where its type may round. */
function checkNumbers(value: unknown, path: (string | number)[], rounded: boolean): void {
  if (typeof value === 'number') {
    if (rounded) finite(value, path);
    else exactNumber(value, path);
  }
  if (typeof value !== 'object' || value === null) return;
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? value.map((item: unknown, index) => [index, item])
    : Object.entries(value);
  for (const [key, item] of entries) checkNumbers(item, [...path, key], rounded);
}

/** JSON has no infinity, but its readers make one of `1e999`. */
function finite(value: number, path: (string | number)[]): number {
  if (!Number.isFinite(value)) throw invalid(path, 'is beyond the range of a double');
  return value;
}

/** JSON readers round long numbers without a word: those are asked for as text. */
function exactNumber(value: number, path: (string | number)[]): number {
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) <= MAX_INTEGER) {
    throw invalid(
      path,
      'is beyond 2^53: send { "type": "long", "value": "digits" } or { "type": "double", "value": … }',
    );
  }
  return finite(value, path);
}

function instant(text: string): Date {
  const canonical = toInstantText(text);
  if (canonical === undefined) throw invalid(['snapshot_time'], 'must be an RFC 3339 time with an offset');
  return new Date(canonical);
}

const isGiven = <T>(value: T | null | undefined): value is T => value !== undefined && value !== null;

function invalid(keys: readonly (string | number)[], message: string): AppError {
  const path = jsonPath(keys);
  return new AppError(REQUEST_INVALID, `${path}: ${message}.`, {
    context: { violations: [{ path, message }] },
  });
}
