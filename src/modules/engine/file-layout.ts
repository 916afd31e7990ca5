import type { Column } from '../../kernel/index.js';
import { foldCase } from './gate/scope.js';

/**
 * True where files of one schema cannot be read as another by the names inside of structs alone, which is how the engine
 * finds them: a name means another field than it did, or none is left. Columns themselves are found by their ids.
 */
export function needsLayout(file: readonly Column[], table: readonly Column[]): boolean {
  if (file === table) return false;
  const readers = new Map(
    table.flatMap((column) => [column, ...(column.former ?? [])]).map((column) => [column.id, column]),
  );
  return file.some((column) => {
    const reader = readers.get(column.id);
    return reader !== undefined && !isReadByName(column, reader);
  });
}

function isReadByName(file: Column, reader: Column): boolean {
  const [parts, wanted] = [file.fields, reader.fields];
  if (parts === undefined || wanted === undefined) return parts === wanted;
  const pairs = wanted.map((part) => ({
    part,
    byName: parts.find(({ name }) => foldCase(name) === foldCase(part.name)),
    byId: parts.find(({ id }) => id === part.id),
  }));
  return (
    pairs.some(({ byId }) => byId !== undefined) &&
    pairs.every(
      ({ part, byName, byId }) => byName === byId && (byId === undefined || isReadByName(byId, part)),
    )
  );
}
