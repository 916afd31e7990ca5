import fc from 'fast-check';
import {
  type Column,
  columnType,
  METADATA_COLUMNS,
  partsOf,
  typeText,
  type ColumnType,
} from '../../src/kernel/index.js';
import type { QueryResult } from '../../src/modules/engine/index.js';
import type { DuckDbQueryEngine } from '../../src/modules/engine/query-engine.duckdb.js';
import type { DuckDbWriteEngine } from '../../src/modules/engine/write-engine.duckdb.js';
import { defineTable } from '../../src/modules/tables/table-definition.js';
import { writeAccepted } from '../support/accepted-records.js';
import { newQueryEngine, newWriteEngine, testFolder, type TestFolder } from '../support/engine.js';
import { fileColumnOf, readParquetFile } from '../support/parquet-file.js';
import {
  samplesOf,
  schemas,
  structSamples,
  type Sample,
  type SampledField,
} from '../support/typed-samples.js';

/** From a table's definition and JSON to Parquet and a query's answer, with generated types, names and values. */

let folder: TestFolder;
let writer: DuckDbWriteEngine;
let reader: DuckDbQueryEngine;

beforeAll(async () => {
  folder = await testFolder();
  reader = newQueryEngine();
  writer = newWriteEngine(folder);
});

afterAll(async () => {
  await writer.close();
  await reader.close();
  await folder.remove();
});

function define(fields: readonly SampledField[]): readonly Column[] {
  const columns = fields.map(({ name, type, nullable, default: filling }) => {
    return { name, type: typeText(type), nullable, default: filling };
  });
  return defineTable({ tableName: 'events', columns }).columns;
}

const recordOf = (payload: string, index: number) => `{"idempotency_key":"k${index}","payload":${payload}}`;

async function write(columns: readonly Column[], payloads: readonly string[]): Promise<string> {
  const text = `{"records":[${payloads.map(recordOf).join(',')}]}`;
  return writeAccepted(writer, folder.path, columns, { contentType: 'json', text });
}

async function query(columns: readonly Column[], path: string): Promise<QueryResult> {
  return reader.run({
    tenantId: 'acme',
    sql: 'SELECT * FROM events ORDER BY _visibility_token',
    params: [],
    tables: [{ name: 'events', columns, files: [{ path }] }],
    rowLimit: 1000,
    maxBytes: 10 * 1024 * 1024,
    timeoutMs: 20_000,
  });
}

/** The type without what only a table's definition says. */
function bareType(type: ColumnType): string {
  const bare = (part: ColumnType): ColumnType => {
    const parts = partsOf(part).map(({ name, type: inner }) => ({ name, type: bare(inner), nullable: true }));
    const [element] = parts;
    if (part.kind === 'list' && element !== undefined) return { kind: 'list', element };
    return part.kind === 'struct' ? { kind: 'struct', fields: parts } : part;
  };
  return typeText(bare(type));
}

describe('values of every type, nested to any depth', () => {
  it('come back from Parquet and from a query as they were sent', async () => {
    const cases = schemas.chain((fields) => {
      const rows = fc.array(structSamples(fields, false), { minLength: 1, maxLength: 6 });
      return fc.record({ fields: fc.constant(fields), rows });
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ fields, rows }) => {
        const columns = define(fields);
        const path = await write(
          columns,
          rows.map(({ source }) => source),
        );

        const file = await readParquetFile(path, columns);
        expect(file.columns).toEqual([...METADATA_COLUMNS, ...columns].map(fileColumnOf));
        expect(file.rows).toEqual(rows.map(({ expected }) => expected));

        const answer = await query(columns, path);
        const names = columns.map(({ name }) => name);
        expect(answer.columns.slice(0, names.length)).toEqual(
          columns.map((column) => ({ name: column.name, type: bareType(columnType(column)) })),
        );
        const found = answer.rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
        expect(found).toEqual(rows.map(({ expected }) => expected));
      }),
      { numRuns: 250 },
    );
  });

  it('are refused, or readable, where they were made for another type', async () => {
    const strangers = fc.tuple(schemas, schemas).chain(([fields, others]) => {
      const [stranger = fields[0]] = others;
      const wrong: fc.Arbitrary<Sample> =
        stranger === undefined ? fc.constant({ source: '1', expected: 1 }) : samplesOf(stranger.type, false);
      return fc.record({ field: fc.constant(fields[0] as SampledField), wrong });
    });
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(strangers, async ({ field, wrong }) => {
        const columns = define([field]);
        try {
          const path = await write(columns, [`{${JSON.stringify(field.name)}:${wrong.source}}`]);
          accepted += 1;
          expect((await query(columns, path)).rows).toHaveLength(1);
        } catch (error) {
          expect(error).toMatchObject({ code: 'SCHEMA_VIOLATION' });
        }
      }),
      { numRuns: 200 },
    );
    expect(accepted).toBeGreaterThan(0);
  });
});
