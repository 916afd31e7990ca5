import type { Event, Table } from './reference.js';
import { shown } from './reference-values.js';

/**
 * Of the folders in a file's key, those that a row of the table must have, as far as they follow from its event time or
 * from a column by itself. A file of several partitions has others.
 */
export function foldersOf({ time, fields }: Event, { layout, columns, key }: Table): string[] {
  // A file may hold tokens of events that are not its rows: the key says where the last one of them is, not each.
  if (key.length > 0) return [];
  return (layout.specs[layout.spec] ?? []).flatMap(({ source, transform }) => {
    const column = columns.find(({ id }) => id === source);
    const value = source === -1 ? time?.shown : column && shown(fields.get(source), column);
    if (typeof value !== 'string' && typeof value !== 'number') return [];
    const text = String(value);
    if (source === -1) return timeFolders(text, transform);
    const isPlain = column !== undefined && /^[a-z]+$/.test(column.name) && /^[A-Za-z0-9-]+$/.test(text);
    return isPlain && transform === 'identity' ? [`${column.name}=${text}`] : [];
  });
}

function timeFolders(text: string, transform: string): string[] {
  switch (transform) {
    case 'year':
      return [`year=${text.slice(0, 4)}`];
    case 'month':
      return [`month=${text.slice(0, 7)}`];
    case 'day':
      return [`date=${text.slice(0, 10)}`];
    case 'hour':
      return [`date=${text.slice(0, 10)}`, `hour=${text.slice(11, 13)}`];
    default:
      return [];
  }
}
