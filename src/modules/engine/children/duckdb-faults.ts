import type { Fault } from './protocol.js';

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
