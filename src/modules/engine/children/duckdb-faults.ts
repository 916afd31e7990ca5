import { dirname } from 'node:path';
import type { QueryJob } from '../query-engine.js';
import { characterPosition } from '../gate/refusal.js';
import type { Fault } from './protocol.js';
import { filesOf } from './query-sql.js';

/** DuckDB's error classes that the data or the statement brought about, by the prefix of their message. */
const DETERMINISTIC = [
  'Conversion Error',
  'Invalid Input Error',
  'Out of Range Error',
  'Mismatch Type Error',
];

/** Sorts an error of DuckDB by the class that its message begins with. */
export function faultOf(error: unknown): Fault {
  const message = error instanceof Error ? error.message : String(error);
  if (/^Out of Memory Error|std::bad_alloc|Allocation failure/i.test(message))
    return { kind: 'memory', message };
  if (message.startsWith('INTERRUPT')) return { kind: 'interrupted', message };
  if (message.startsWith('IO Error')) return { kind: 'io', message };
  if (DETERMINISTIC.some((prefix) => message.startsWith(`${prefix}:`))) {
    const line = /in line (\d+)/.exec(message)?.[1];
    return { kind: 'conversion', message, ...(line !== undefined && { line: Number(line) }) };
  }
  return { kind: 'internal', message };
}

/** Classes that a tenant's statement cannot bring about by itself. */
const NOT_OF_THE_STATEMENT = new Set([
  'INTERNAL',
  'FATAL',
  'IO',
  'Connection',
  'Missing Extension',
  'Autoload',
]);

/** An error of a tenant's statement, from DuckDB's JSON form. Paths of the files are taken out. */
export function queryFaultOf(error: unknown, job: QueryJob): Fault {
  const fault = faultOf(error);
  const parsed = parseJsonError(fault.message);
  if (parsed === undefined) return { ...fault, kind: fault.kind === 'conversion' ? 'sql' : fault.kind };
  const message = withoutPaths(parsed.message, job);
  if (parsed.type === 'Out of Memory') return { kind: 'memory', message };
  if (parsed.type === 'Interrupt') return { kind: 'interrupted', message };
  if (parsed.type === 'IO') return { kind: 'io', message };
  if (NOT_OF_THE_STATEMENT.has(parsed.type)) return { kind: 'internal', message };
  const position = characterPosition(job.sql, parsed.offset);
  return { kind: 'sql', message, details: { ...(position !== undefined && { position }) } };
}

function parseJsonError(
  text: string,
): { type: string; message: string; offset: number | undefined } | undefined {
  try {
    const parsed = JSON.parse(text.slice(text.indexOf('{'))) as Record<string, unknown>;
    if (typeof parsed.exception_type !== 'string' || typeof parsed.exception_message !== 'string')
      return undefined;
    const offset = typeof parsed.position === 'string' ? Number(parsed.position) : undefined;
    return { type: parsed.exception_type, message: parsed.exception_message, offset };
  } catch {
    return undefined;
  }
}

function withoutPaths(message: string, job: QueryJob): string {
  let clean = message;
  for (const table of job.tables) {
    for (const { path } of filesOf(table)) {
      clean = clean.replaceAll(path, `a file of ${table.name}`).replaceAll(dirname(path), '…');
    }
  }
  return clean;
}
