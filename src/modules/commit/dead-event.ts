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

/** Values of type json are held as their text in a body, as a string; everything else is as a client may send it. */
function recordOf({ op, e, p }: ParsedLine, batch: ClaimedBatch, columns: readonly Column[]): string {
  const time = JSON.stringify(e ?? batch.ingestedAt.toISOString());
  return `{"op":${JSON.stringify(op ?? 'insert')},"event_time":${time},"payload":${sentObject(p, columns)}}`;
}

function sentObject(object: Readonly<Record<string, unknown>>, columns: readonly Column[]): string {
  const members = Object.entries(object).map(([name, value]) => {
    const column = columns.find((each) => each.name === name);
    return `${JSON.stringify(name)}:${sentText(value, column)}`;
  });
  return `{${members.join(',')}}`;
}

function sentText(value: unknown, column: Column | undefined): string {
  if (column?.type === 'json' && isJsonText(value)) return value;
  if (column?.fields === undefined || typeof value !== 'object' || value === null)
    return JSON.stringify(value);
  if (!Array.isArray(value)) return sentObject({ ...value }, column.fields);
  const [element] = column.fields;
  return `[${value.map((item) => sentText(item, element)).join(',')}]`;
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
