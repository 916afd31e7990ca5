import type { Mistake } from '../faults/planted-bugs.js';

const WRITE_SQL = 'src/modules/engine/children/write-sql.js';
const TABLES_AT_SNAPSHOT = 'src/modules/tables/sql/tables-at-snapshot.js';

/** Mistakes that a service with tables like these could have. The model test must find each. */
export const PLANTED_BUGS: readonly Mistake[] = [
  {
    name: 'columns-by-name',
    doc: 'Events are mapped to the columns of today by name and not by field id.',
    edits: [
      {
        file: WRITE_SQL,
        anchor: 'formerSelf(input.columns, column)',
        text: 'input.columns.find(({ name }) => name === column.name)',
      },
    ],
  },
  {
    name: 'field-id-used-again',
    doc: 'A new column gets the id after the highest that the table has now: the one of a column that was dropped.',
    edits: [
      {
        file: 'src/modules/tables/changed-schema.js',
        anchor: 'draft.lastColumnId + 1',
        text: 'lastFieldId(draft.columns) + 1',
      },
    ],
  },
  {
    name: 'default-for-old-events',
    doc: 'Events from before a column show its default.',
    edits: [
      {
        file: WRITE_SQL,
        anchor: 'if (source === undefined)\n',
        text: 'if (source === undefined && column.default !== undefined) return `CAST(${quoteText(String(column.default))} AS ${duckdbType(columnType(column))})`;\n    if (source === undefined)\n',
      },
    ],
  },
  {
    name: 'schema-of-today',
    doc: 'Old snapshots show the schema of today.',
    edits: [
      {
        file: TABLES_AT_SNAPSHOT,
        anchor: 'w.table_name, w.schema_version',
        text: 'w.table_name, d.schema_version',
      },
    ],
  },
  {
    name: 'name-of-today',
    doc: 'Old snapshots show a table under the name that it has today.',
    edits: [
      {
        file: TABLES_AT_SNAPSHOT,
        anchor: 'd.table_id, w.table_name',
        text: 'd.table_id, d.table_name',
      },
    ],
  },
  {
    name: 'drop-does-not-hide',
    doc: 'A dropped table is still there for queries.',
    edits: [
      { file: TABLES_AT_SNAPSHOT, anchor: 'AND NOT w.dropped', text: '' },
      { file: TABLES_AT_SNAPSHOT, anchor: 'd.dropped_snapshot_id IS NULL', text: 'true' },
    ],
  },
  {
    name: 'discarded-events-come-back',
    doc: 'Events that were under way to a dropped table are published, and show when it is undropped.',
    edits: [
      {
        file: 'migrations/1796000000770-publication-in-one-call.js',
        anchor: 'WHERE d.table_id = ANY (p_tables) AND d.dropped_snapshot_id IS NULL',
        text: 'WHERE d.table_id = ANY (p_tables)',
      },
    ],
  },
  {
    name: 'snapshot-without-its-own-files',
    doc: 'A snapshot shows only the files that were there before it.',
    edits: [
      {
        file: 'src/modules/snapshots/sql/live-files.js',
        anchor: 's.added_snapshot_id <= ${snapshotId}',
        text: 's.added_snapshot_id < ${snapshotId}',
      },
    ],
  },
  {
    name: 'duplicates-as-new',
    doc: 'A known key is taken for a new one where its request brings something new, too.',
    edits: [
      {
        file: 'src/modules/bus/judgement.js',
        anchor: `                if (covered === undefined)
                    duplicates.set(position, sourceOf(original, 0));`,
        text: `                if (covered === undefined && units.length === 1)
                    duplicates.set(position, sourceOf(original, 0));`,
      },
    ],
  },
  {
    name: 'first-of-a-batch-wins',
    doc: 'Of several events of a key in one batch the first is kept.',
    edits: [
      {
        file: 'src/modules/engine/children/range-fold.js',
        anchor: 'max(_visibility_token) AS _visibility_token',
        text: 'min(_visibility_token) AS _visibility_token',
      },
    ],
  },
  {
    name: 'deletes-whatever-their-token',
    doc: 'A delete file hides the rows of its keys that came later, too.',
    edits: [
      {
        file: 'src/modules/engine/children/query-sql.js',
        anchor: 'const later = `x.${TOKEN.name} > d.${TOKEN.name}`;',
        text: 'const later = `x.${TOKEN.name} <> d.${TOKEN.name}`;',
      },
    ],
  },
  {
    name: 'all-data-is-older-than-deletes',
    doc: 'Delete files are held against rows by their keys alone, although some are of the same commit.',
    edits: [
      {
        file: 'src/modules/query/merge-plan.js',
        anchor: 'one.file.maxToken < firstDeleteToken',
        text: 'one.file.maxToken < Infinity',
      },
    ],
  },
  {
    name: 'compatibility-is-not-judged',
    doc: 'A PATCH goes through whatever the compatibility mode says.',
    edits: [
      {
        file: 'src/modules/tables/compatibility.js',
        anchor: 'const owed = PARTIES[mode];',
        text: 'const owed = [];',
      },
    ],
  },
  {
    name: 'hour-is-one-late',
    doc: 'A file of one partition is put into the hour after.',
    edits: [
      {
        file: 'src/modules/engine/children/partition-proof.js',
        anchor: '/ 3_600_000;',
        text: '/ 3_600_000 + 1;',
      },
    ],
  },
  {
    name: 'split-loses-nulls',
    doc: 'Where a commit is split by partition, rows without a partition value are left out.',
    edits: [
      {
        file: 'src/modules/engine/children/file-split.js',
        anchor: '`r._p${index} IS NOT DISTINCT FROM p._p${index}`',
        text: '`r._p${index} = p._p${index}`',
      },
      {
        file: 'src/modules/engine/children/file-split.js',
        anchor: 'if (written !== rowCount)',
        text: 'if (false)',
      },
    ],
  },
  {
    name: 'shared-file-of-one-partition',
    doc: 'A file that partitions share is said to be of one of them.',
    edits: [
      {
        file: 'src/modules/engine/children/file-split.js',
        anchor: 'Number(row.partitions) === 1 ? valuesOf(sources, row) : null',
        text: 'valuesOf(sources, row)',
      },
    ],
  },
  {
    name: 'snapshot-time-leaves-its-own-out',
    doc: 'A query at the very time of a snapshot gets the one before.',
    edits: [
      {
        file: 'src/modules/snapshots/snapshot.store.js',
        anchor: 'createdAt: LessThanOrEqual(at)',
        text: 'createdAt: LessThan(at)',
      },
    ],
  },
  {
    name: 'undrop-brings-the-first-back',
    doc: 'Of several dropped tables of a name the one that was dropped first comes back.',
    edits: [
      {
        file: 'src/modules/tables/sql/find-dropped-table.js',
        anchor: 'ORDER BY d.dropped_snapshot_id DESC',
        text: 'ORDER BY d.dropped_snapshot_id ASC',
      },
    ],
  },
  {
    name: 'repeats-are-held-against-the-schema',
    doc: 'A repeat is refused where its table does not take its records any more.',
    edits: [
      {
        file: 'src/modules/ingest/learning.js',
        anchor: 'if (repeats.size === 0)',
        text: 'if (repeats.size >= 0)',
      },
    ],
  },
  {
    name: 'key-bounds-leave-themselves-out',
    doc: 'Files whose keys have nothing but a bound in common are taken for files without a key in common.',
    edits: [
      {
        file: 'src/modules/query/key-range.js',
        anchor: '(range[0] <= other[1] && other[0] <= range[1])',
        text: '(range[0] < other[1] && other[0] < range[1])',
      },
    ],
  },
  {
    name: 'key-bounds-of-numbers-as-text',
    doc: 'Bounds of whole numbers are compared as text, so that 10 is less than 9 and -7 more than -8.',
    edits: [
      {
        file: 'src/modules/query/key-range.js',
        anchor: 'return /^-?\\d+$/.test(text) ? BigInt(text) : undefined;',
        text: 'return text;',
      },
    ],
  },
  {
    name: 'conversion-in-one-step',
    doc: 'What a column was is converted to what it is in one step, however often it changed in between.',
    edits: [
      {
        file: 'src/modules/engine/children/converted-value.js',
        anchor: 'at < 0 ? [] :',
        text: 'at < 0 || at >= 0 ? [] :',
      },
    ],
  },
  {
    name: 'lesson-ends-at-its-first-step',
    doc: 'A request that needs a type step by step makes a version for each step.',
    edits: [
      {
        file: 'src/modules/tables/inference/taught-fields.js',
        anchor: 'needed = joinedFields(needed, more);',
        text: 'if (step === 0) needed = more;',
      },
    ],
  },
];
