import { isDeepStrictEqual } from 'node:util';
import {
  columnType,
  columnTypeText,
  FIRST_PARTITION_FIELD_ID,
  MAX_PARTITION_FIELDS,
  maxWidth,
  METADATA_COLUMNS,
  parseTransform,
  TRANSFORM_SOURCES,
  UNPARTITIONED,
  type Column,
  type ColumnType,
  type PartitionField,
  type PartitionSpec,
  type SortDirection,
  type SortField,
} from '../../kernel/index.js';
import { shownName, shownNameList, shownNames, type DefinitionFault } from './definition-fault.js';
import type { SchemaViolation } from './tables.errors.js';

/** A field of a partition spec as clients write it. */
export interface PartitionFieldRequest {
  readonly column: string;
  readonly transform: string;
}

/** A column to sort by as clients write it. */
export interface SortFieldRequest {
  readonly column: string;
  readonly direction?: SortDirection | null | undefined;
}

/** How new files of a table are split and sorted. */
export interface TableLayout {
  /** All that the table ever had, spec 0 first. A spec never changes. */
  readonly partitionSpecs: readonly PartitionSpec[];
  readonly partitionSpecId: number;
  /** Empty: by the key of the table, else by event time. */
  readonly sortOrder: readonly SortField[];
}

export const MAX_SORT_FIELDS = 8;
const [, EVENT_TIME, INGESTED_AT] = METADATA_COLUMNS;
/** Columns of ours that files may be split and sorted by. */
const OWN_SOURCES: readonly Column[] = [EVENT_TIME, INGESTED_AT];
const HOURLY: PartitionFieldRequest = { column: EVENT_TIME.name, transform: 'hour' };
const UNSORTED_KINDS = ['json', 'list', 'struct'];
const isSortable = (column: Column): boolean => !UNSORTED_KINDS.includes(columnType(column).kind);

type Refuse = (path: string, message: string, column?: string, allowed?: readonly string[]) => void;

/** The layout of a new table. What is wrong goes into `faults`; the layout is of no use then. */
export function defineLayout(
  columns: readonly Column[],
  partitionBy: readonly PartitionFieldRequest[] | null | undefined,
  sortBy: readonly SortFieldRequest[] | null | undefined,
  faults: DefinitionFault[],
): TableLayout {
  const none: TableLayout = { partitionSpecs: [UNPARTITIONED], partitionSpecId: 0, sortOrder: [] };
  return changedLayout(none, columns, partitionBy ?? [HOURLY], sortBy, faults);
}

/** The layout with what is asked for. Null and undefined keep what there is. Faults as `defineLayout`. */
export function changedLayout(
  layout: TableLayout,
  columns: readonly Column[],
  partitionBy: readonly PartitionFieldRequest[] | null | undefined,
  sortBy: readonly SortFieldRequest[] | null | undefined,
  faults: DefinitionFault[],
): TableLayout {
  const refuse: Refuse = (path, message, column, allowed) =>
    faults.push({
      path,
      message,
      ...(column !== undefined && { column }),
      ...(allowed !== undefined && { allowed }),
    });
  const spec = partitionBy
    ? specOf(partitionBy, columns, layout.partitionSpecs, refuse)
    : currentSpec(layout);
  const known = layout.partitionSpecs.some(({ spec_id: id }) => id === spec.spec_id);
  return {
    partitionSpecs: known ? layout.partitionSpecs : [...layout.partitionSpecs, spec],
    partitionSpecId: spec.spec_id,
    sortOrder: sortBy ? sortOrderOf(sortBy, columns, refuse) : layout.sortOrder,
  };
}

export function currentSpec({ partitionSpecs, partitionSpecId }: TableLayout): PartitionSpec {
  const spec = partitionSpecs.find(({ spec_id: id }) => id === partitionSpecId);
  if (spec === undefined) throw new Error(`there is no partition spec ${partitionSpecId}`);
  return spec;
}

/** The columns that the layout needs and that a change takes away, or gives a type that does not go with it. */
export function lostSources(
  layout: TableLayout,
  before: readonly Column[],
  after: readonly Column[],
): SchemaViolation[] {
  const columns = new Map([...OWN_SOURCES, ...after].map((column) => [column.id, column]));
  const lost = <Field extends { readonly source_id: number }>(
    fields: readonly Field[],
    what: string,
    rule: string,
    goesWith: (kind: ColumnType['kind'], field: Field) => boolean,
  ): SchemaViolation[] =>
    fields.flatMap((field) => {
      const column = columns.get(field.source_id);
      if (column !== undefined && goesWith(columnType(column).kind, field)) return [];
      const name = before.find(({ id }) => id === field.source_id)?.name ?? String(field.source_id);
      const message = `the ${what} of the table needs it${column === undefined ? '' : ' as it is'}`;
      return { column: name, rule, message, allowed: [`a ${what} without it, in the same call`] };
    });
  return [
    ...lost(currentSpec(layout).fields, 'partition_spec', 'partition_source', (kind, { transform }) => {
      const parsed = parseTransform(transform);
      return parsed !== undefined && TRANSFORM_SOURCES[parsed.kind].includes(kind);
    }),
    ...lost(layout.sortOrder, 'sort_order', 'sort_source', (kind) => !UNSORTED_KINDS.includes(kind)),
  ];
}

/** The fields of the current spec and of the sort order as clients write them. */
export function describeLayout(
  layout: TableLayout,
  columns: readonly Column[],
): { partitionSpec: PartitionFieldRequest[]; sortOrder: { column: string; direction: SortDirection }[] } {
  const names = new Map([...OWN_SOURCES, ...columns].map(({ id, name }) => [id, name]));
  const nameOf = (id: number): string => names.get(id) ?? String(id);
  return {
    partitionSpec: currentSpec(layout).fields.map((field) => ({
      column: nameOf(field.source_id),
      transform: field.transform,
    })),
    sortOrder: layout.sortOrder.map((field) => ({
      column: nameOf(field.source_id),
      direction: field.direction,
    })),
  };
}

/** The spec of this table with these fields, as it is where there is one already. */
function specOf(
  requests: readonly PartitionFieldRequest[],
  columns: readonly Column[],
  specs: readonly PartitionSpec[],
  refuse: Refuse,
): PartitionSpec {
  if (requests.length > MAX_PARTITION_FIELDS)
    refuse('$.partition_spec', `must have at most ${MAX_PARTITION_FIELDS} fields; found ${requests.length}`);
  const known = specs.flatMap((spec) => spec.fields);
  let nextId = known.reduce((next, field) => Math.max(next, field.field_id + 1), FIRST_PARTITION_FIELD_ID);
  const fields: PartitionField[] = [];
  for (const [index, request] of requests.entries()) {
    const path = `$.partition_spec[${index}]`;
    const source = sourceOf(request.column, columns, `${path}.column`, refuse);
    if (source === undefined || !fits(request, source, path, refuse)) continue;
    const { transform } = request;
    const bare = { source_id: source.id, transform };
    const twice = fields.findIndex((field) => field.source_id === source.id && field.transform === transform);
    if (twice >= 0)
      refuse(path, `repeats field ${twice}, ${transform} of column "${source.name}"`, source.name);
    const same = known.find((field) => field.source_id === source.id && field.transform === transform);
    fields.push({ field_id: same?.field_id ?? nextId++, ...bare });
  }
  const same = specs.find((spec) => isDeepStrictEqual(spec.fields, fields));
  return same ?? { spec_id: Math.max(...specs.map(({ spec_id: id }) => id)) + 1, fields };
}

function fits(
  { transform: text }: PartitionFieldRequest,
  source: Column,
  path: string,
  refuse: Refuse,
): boolean {
  const { kind } = columnType(source);
  const allowed = Object.entries(TRANSFORM_SOURCES).flatMap(([name, kinds]) =>
    kinds.includes(kind) ? [name] : [],
  );
  const typed = `column "${source.name}" is of type ${columnTypeText(source).slice(0, 64)}, which takes `;
  const offered = allowed.map((name) => {
    const most = maxWidth(name as 'hour', kind);
    return most === undefined ? name : `${name}(n) with n from 1 to ${most}`;
  });
  const refuseTransform = (message: string): false => {
    refuse(`${path}.transform`, `${typed}${message}`, source.name, offered);
    return false;
  };
  const transform = parseTransform(text);
  if (transform === undefined || !allowed.includes(transform.kind)) {
    return refuseTransform(`${offered.join(', ') || 'no transform'}; found ${text.slice(0, 32)}`);
  }
  const most = maxWidth(transform.kind, kind);
  if ('width' in transform && most !== undefined && transform.width > most) {
    return refuseTransform(`${transform.kind}(n) with n from 1 to ${most}; found ${transform.width}`);
  }
  return true;
}

function sortOrderOf(
  requests: readonly SortFieldRequest[],
  columns: readonly Column[],
  refuse: Refuse,
): SortField[] {
  if (requests.length > MAX_SORT_FIELDS)
    refuse('$.sort_order', `must have at most ${MAX_SORT_FIELDS} columns; found ${requests.length}`);
  const fields: SortField[] = [];
  for (const [index, { column, direction }] of requests.entries()) {
    const path = `$.sort_order[${index}].column`;
    const source = sourceOf(column, columns, path, refuse);
    if (source === undefined) continue;
    const { kind } = columnType(source);
    if (!isSortable(source))
      refuse(
        path,
        `column "${source.name}" is of type ${kind}, which has no order to sort by; allowed are scalar types but json`,
        source.name,
        shownNames([...columns, ...OWN_SOURCES].filter((each) => isSortable(each))),
      );
    const twice = fields.findIndex((field) => field.source_id === source.id);
    if (twice >= 0) refuse(path, `column "${source.name}" is in the order already, at ${twice}`, source.name);
    fields.push({ source_id: source.id, direction: direction ?? 'asc' });
  }
  return fields;
}

/** The top-level column of this name, exactly. */
function sourceOf(
  name: string,
  columns: readonly Column[],
  path: string,
  refuse: Refuse,
): Column | undefined {
  const candidates = [...columns, ...OWN_SOURCES];
  const found = candidates.find((column) => column.name === name);
  if (found === undefined) {
    const message = `there is no column "${shownName(name)}"; allowed are ${shownNameList(candidates)}`;
    refuse(path, message, name, shownNames(candidates));
  }
  return found;
}
