import type { Column } from '../../kernel/index.js';
import type { ClaimedBatch, DeadEvent } from '../bus/index.js';
import { parseLine, type BodyLine, type ParsedLine } from './body-lines.js';

const MAX_REASON_CHARS = 2000;

/** The dead letter of an event: its line put back into the form that a client sends, so that it can be replayed. */
export function deadEventOf(
  line: BodyLine,
  batch: ClaimedBatch,
  columns: readonly Column[],
  reason: string,
): DeadEvent {
  const parsed = parseLine(line.text);
  return {
    tableId: batch.tableId,
    token: line.token,
    key: parsed?.k ?? '',
    record: parsed === undefined ? line.text : recordOf(parsed, batch, columns),
    op: parsed?.op === 'upsert' || parsed?.op === 'delete' ? parsed.op : 'insert',
    reason: reason.slice(0, MAX_REASON_CHARS).toWellFormed().replaceAll('\0', ''),
  };
}

/** Columns of type json hold their text as a string in a body; everything else is as a client may send it. */
function recordOf({ op, e, p }: ParsedLine, batch: ClaimedBatch, columns: readonly Column[]): string {
  const json = new Set(columns.filter(({ type }) => type === 'json').map(({ name }) => name));
  const members = Object.entries(p).map(([name, value]) => {
    const text = json.has(name) && isJsonText(value) ? value : JSON.stringify(value);
    return `${JSON.stringify(name)}:${text}`;
  });
  const time = JSON.stringify(e ?? batch.ingestedAt.toISOString());
  return `{"op":${JSON.stringify(op ?? 'insert')},"event_time":${time},"payload":{${members.join(',')}}}`;
}

function isJsonText(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}
