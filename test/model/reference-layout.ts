import type { LayoutSpec } from './calls.js';
import { refused, type Refusal } from './refusal.js';
import { isOrBecomes } from './values.js';

/** What files may be split and sorted by. */
interface Source {
  readonly id: number;
  readonly name: string;
  readonly type: string;
}

interface PartitionField {
  readonly source: number;
  readonly transform: string;
}

interface SortField {
  readonly source: number;
  readonly direction: 'asc' | 'desc';
}

/** How new files are split and sorted. Nothing that a query shows follows from it. */
export interface Layout {
  /** All that the table ever had; the place is the number. The first has no fields. */
  readonly specs: readonly (readonly PartitionField[])[];
  readonly spec: number;
  readonly sort: readonly SortField[];
}

/** Tidemark's own, with ids that no column of a table has. */
export const OWN_SOURCES: readonly Source[] = [
  { id: -1, name: '_event_time', type: 'timestamptz' },
  { id: -2, name: '_ingested_at', type: 'timestamptz' },
];
const NO_LAYOUT: Layout = { specs: [[]], spec: 0, sort: [] };
const HOURLY = [{ column: '_event_time', transform: 'hour' }];

/** Of a new table. */
export const firstLayout = (columns: readonly Source[], { partitionSpec = HOURLY, sortOrder }: LayoutSpec) =>
  changedLayout(NO_LAYOUT, columns, { partitionSpec, sortOrder });

/** What is not asked for stays. */
export function changedLayout(
  { specs, spec, sort }: Layout,
  columns: readonly Source[],
  { partitionSpec, sortOrder }: LayoutSpec,
): Layout | Refusal {
  const sources = [...OWN_SOURCES, ...columns];
  const sourceOf = (name: string) => sources.find((source) => source.name === name);
  const fields = partitionSpec?.map(({ column, transform }) => ({ source: sourceOf(column), transform }));
  const order = sortOrder?.map(({ column, direction }) => ({ source: sourceOf(column), direction }));
  const isWrong =
    fields?.some(({ source, transform }) => !source || !isPartitionedBy(source.type, transform)) === true ||
    order?.some(({ source }) => !source || !isSorted(source.type)) === true ||
    repeats(fields?.map(({ source, transform }) => `${source?.id} ${transform}`)) ||
    repeats(order?.map(({ source }) => `${source?.id}`));
  if (isWrong) return refused('REQUEST_INVALID');
  const asked =
    fields?.map(({ source, transform }) => ({ source: source?.id ?? 0, transform })) ?? specs[spec];
  const same = specs.findIndex((known) => JSON.stringify(known) === JSON.stringify(asked));
  return {
    specs: same >= 0 ? specs : [...specs, asked ?? []],
    spec: same >= 0 ? same : specs.length,
    sort: order?.map(({ source, direction }) => ({ source: source?.id ?? 0, direction })) ?? sort,
  };
}

/** Whether the layout needs a column that is gone, or has become of a type that does not go with it. */
export function lacksSource({ specs, spec, sort }: Layout, columns: readonly Source[]): boolean {
  const typeOf = (id: number) => [...OWN_SOURCES, ...columns].find((source) => source.id === id)?.type ?? '';
  return (
    sort.some(({ source }) => !isSorted(typeOf(source))) ||
    (specs[spec] ?? []).some(({ source, transform }) => !isPartitionedBy(typeOf(source), transform))
  );
}

/** Whether the layout needs a column that events have changed to a type that its files cannot be read as. */
export const changesSource = (
  { specs, spec, sort }: Layout,
  before: readonly Source[],
  after: readonly Source[],
): boolean =>
  [...sort, ...(specs[spec] ?? [])].some(({ source }) => {
    const [was, is] = [before, after].map((columns) => columns.find(({ id }) => id === source)?.type ?? '');
    return !isOrBecomes(was ?? '', is ?? '');
  });

/** As a table's answer shows it. */
export function layoutJson({ specs, spec, sort }: Layout, columns: readonly Source[]) {
  const nameOf = (id: number) => [...OWN_SOURCES, ...columns].find((source) => source.id === id)?.name;
  const fields = specs[spec] ?? [];
  return {
    partition_spec: fields.map(({ source, transform }) => ({ column: nameOf(source), transform })),
    partition_spec_id: spec,
    sort_order: sort.map(({ source, direction }) => ({ column: nameOf(source), direction })),
  };
}

const DAYS = ['year', 'month', 'day'];
const WIDTHS = ['truncate(1)', 'truncate(2)', 'truncate(10)'];
const BUCKETS = ['bucket(1)', 'bucket(3)'];

/** The transforms that programs use for the type; the plainest first. */
export function transformsOf(type: string): string[] {
  switch (/^\w*/.exec(type)?.[0]) {
    case 'boolean':
      return ['identity'];
    case 'uuid':
    case 'time':
      return ['identity', ...BUCKETS];
    case 'int':
    case 'long':
    case 'decimal':
    case 'string':
    case 'binary':
      return ['identity', ...BUCKETS, ...WIDTHS];
    case 'date':
      return ['identity', ...DAYS, ...BUCKETS];
    case 'timestamp':
    case 'timestamptz':
      return ['identity', 'hour', ...DAYS, ...BUCKETS];
    default:
      return [];
  }
}

const isPartitionedBy = (type: string, transform: string): boolean => transformsOf(type).includes(transform);
export const isSorted = (type: string): boolean => !/^(?:json|list|struct|$)/.test(type);
const repeats = (names: readonly string[] = []): boolean => new Set(names).size < names.length;
