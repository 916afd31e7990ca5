import { isUtf8 } from 'node:buffer';
import { AppError, PAYLOAD_TOO_LARGE, REQUEST_INVALID } from '../../kernel/index.js';
import type { IngestBody } from '../../http/index.js';
import { describeFound, memberPath } from '../tables/index.js';
import { MAX_NESTING, MAX_RECORDS } from './ingest-limits.js';
import { OPTION_NAMES } from './ingest-options.js';
import { findJsonFault, type JsonFault } from './json-fault.js';
import { JsonFaultError, parseLossless, refuseCost } from './lossless-json.js';
import { refusal, Violations } from './request-violations.js';

/** What a request sent, parsed but not yet checked record by record. */
export interface SentBody {
  readonly records: readonly unknown[];
  /** Fields of a JSON body beside the records. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Members of all objects inside the records, as the text has them. More than the records hold: a key is twice. */
  readonly members: number;
  /** The records once more, as they were sent, for one that was changed on the way to the body's form. */
  reread(): readonly unknown[];
  /** Where a record stands: its JSON path, and its line for NDJSON. */
  placeOf(index: number): { readonly path: string; readonly line?: number };
  /** The exact search for a key that an object holds twice. */
  findDuplicate(): { readonly fault: JsonFault; readonly line?: number } | undefined;
}

const NEWLINE = 0x0a;
/** The body's own object and its array stand around a record. */
const ENVELOPE_NESTING = 2;

/** Parses a body. Throws REQUEST_INVALID with the place of the first fault, or PAYLOAD_TOO_LARGE. */
export function readBody(body: IngestBody): SentBody {
  if (!isUtf8(body.bytes))
    throw refusal(REQUEST_INVALID, { path: '$', message: 'the body is not valid UTF-8' });
  return body.contentType === 'json' ? readJson(body.bytes) : readNdjson(body.bytes);
}

function readJson(bytes: Buffer): SentBody {
  const { value, members } = parse(bytes, 0, bytes.length, MAX_NESTING + ENVELOPE_NESTING, undefined);
  if (typeof value !== 'object' || value === null || !('records' in value) || !Array.isArray(value.records)) {
    const found = describeFound(value);
    const message = 'the body must be an object with an array "records"';
    throw refusal(REQUEST_INVALID, { path: '$.records', message, expected: 'array', found });
  }
  const { records, ...options } = value as { readonly records: unknown[] } & Record<string, unknown>;
  refuseUnknown(options);
  refuseCount(records.length, '$.records');
  return {
    records,
    options,
    members: members - 1 - Object.keys(options).length,
    reread: () => readJson(bytes).records,
    placeOf: (index) => ({ path: `$.records[${index}]` }),
    findDuplicate: () => {
      const fault = findJsonFault(bytes.toString('utf8'), MAX_NESTING + ENVELOPE_NESTING);
      return fault && { fault };
    },
  };
}

function readNdjson(bytes: Buffer): SentBody {
  const records: unknown[] = [];
  const lines: { readonly number: number; readonly start: number; readonly end: number }[] = [];
  let members = 0;
  let containers = 0;
  let exactValues = 0;
  for (let start = 0, number = 1; start < bytes.length; number++) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline === -1 ? bytes.length : newline;
    if (!isBlank(bytes, start, end)) {
      refuseCount(records.length + 1, '$');
      const line = parse(bytes, start, end, MAX_NESTING, number);
      containers += line.cost.containers;
      exactValues += line.cost.exactValues;
      refuseCost({ containers, exactValues });
      records.push(line.value);
      lines.push({ number, start, end });
      members += line.members;
    }
    start = end + 1;
  }
  refuseCount(records.length, '$');
  return {
    records,
    options: {},
    members,
    reread: () => readNdjson(bytes).records,
    placeOf: (index) => ({ path: '$', line: lines[index]?.number ?? 0 }),
    findDuplicate: () => {
      for (const { number, start, end } of lines) {
        const fault = findJsonFault(bytes.toString('utf8', start, end), MAX_NESTING);
        if (fault !== undefined) return { fault, line: number };
      }
      return undefined;
    },
  };
}

/** Space, tab and the CR of a CRLF. */
function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  }
  return true;
}

function parse(bytes: Buffer, start: number, end: number, maxNesting: number, line: number | undefined) {
  try {
    return parseLossless(bytes, start, end, maxNesting);
  } catch (error) {
    if (error instanceof JsonFaultError) throw faultRefusal(error.fault, line);
    throw error;
  }
}

/** The client's error for a faulty text. */
export function faultRefusal(fault: JsonFault, line: number | undefined): AppError {
  const { path, position } = fault;
  const message =
    fault.kind === 'syntax' ? `malformed JSON at position ${position}: ${fault.message}` : fault.message;
  return refusal(REQUEST_INVALID, { path, message, position, ...(line !== undefined && { line }) });
}

function refuseUnknown(options: Record<string, unknown>): void {
  const violations = new Violations();
  for (const name of Object.keys(options)) {
    if ((OPTION_NAMES as readonly string[]).includes(name)) continue;
    const message = 'there is no such field';
    violations.add({ path: `$${memberPath(name)}`, message, found: describeFound(options[name]) });
  }
  violations.refuse(REQUEST_INVALID);
}

function refuseCount(count: number, path: string): void {
  if (count === 0) {
    throw refusal(REQUEST_INVALID, {
      path,
      message: 'there must be at least one record',
      expected: 'records',
    });
  }
  if (count > MAX_RECORDS) {
    throw new AppError(PAYLOAD_TOO_LARGE, `A request holds ${MAX_RECORDS} records at most.`, {
      context: { max_records: MAX_RECORDS },
    });
  }
}
