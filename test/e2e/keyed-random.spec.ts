import fc from 'fast-check';
import { keyedCalls, type Op, record } from '../support/keyed-calls.js';
import { type TestTenant, TestService } from '../support/service.js';
import { expectOk } from '../support/service-client.js';

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  // Events wait for whoever asks for their token, so that a test decides what is in one commit.
  service = await TestService.start({ env: { TIDEMARK_COMMIT_MAX_DELAY_MS: '600000' } });
});

afterAll(() => service.dispose());

beforeEach(async () => {
  tenant = await service.createTenant();
});

const { accept, create, publish, rows } = keyedCalls(() => tenant);

const COLUMNS = [
  { name: 'region', type: 'string' },
  { name: 'id', type: 'int' },
  { name: 'v', type: 'int' },
];

/** A request of some records, or the end of a commit. */
type Step =
  'commit' | readonly (readonly [op: Op, region: string, id: number, v: number | null, hour: number])[];

const recordsOfStep = fc.array(
  fc.tuple(
    fc.constantFrom<Op[]>('insert', 'upsert', 'upsert', 'delete', 'delete'),
    fc.constantFrom('', 'a', 'A', 'a\u0000', 'e\u0301', '\u00e9'),
    fc.constantFrom(-1, 0, 1),
    fc.option(fc.integer({ min: 0, max: 999 })),
    // A row that is written later may be of an earlier time: that plays no part.
    fc.integer({ min: 0, max: 23 }),
  ),
  { minLength: 1, maxLength: 12 },
);
const programs = fc.array(
  fc.oneof({ weight: 3, arbitrary: recordsOfStep }, { weight: 1, arbitrary: fc.constant<Step>('commit') }),
  { minLength: 1, maxLength: 14 },
);

/** Rows by key, as a plain map has them after the same steps. */
type Model = ReadonlyMap<string, readonly [string, number, number | null]>;

function applied(before: Model, step: Exclude<Step, 'commit'>): Model {
  const after = new Map(before);
  for (const [op, region, id, v] of step) {
    const key = JSON.stringify([region, id]);
    if (op === 'delete') after.delete(key);
    else after.set(key, [region, id, v]);
  }
  return after;
}

describe('random upserts and deletes', () => {
  it('leave at every snapshot what a plain map has', async () => {
    let tables = 0;
    expectOk(await create('marker', [], [{ name: 'n', type: 'int' }]));
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const table = `random_${(tables += 1)}`;
        expectOk(await create(table, ['id', 'region'], COLUMNS));
        let model: Model = new Map();
        let markers = 0;
        const kept: { snapshot: number; model: Model }[] = [];
        const steps: Step[] = [...program, 'commit'];
        for (const step of steps) {
          if (step !== 'commit') {
            model = applied(model, step);
            await accept(table, ...step.map(toRecord));
          } else {
            // What waits makes the commit. It is of another table, so that it stretches no file's keys.
            const marker = record('insert', { n: (markers += 1) });
            kept.push({ snapshot: await publish('marker', marker), model });
          }
        }
        for (const { snapshot, model: expected } of kept) {
          const sql = `SELECT region, id, v FROM ${table}`;
          const found = await rows(sql, { snapshot_id: snapshot });
          expect(sorted(found)).toEqual(sorted([...expected.values()]));
        }
      }),
      { numRuns: 8 },
    );
  });
});

const toRecord = ([op, region, id, v, hour]: Exclude<Step, 'commit'>[number]) => ({
  ...record(op, { region, id, ...(op !== 'delete' && { v }) }),
  event_time: `2026-01-01T${String(hour).padStart(2, '0')}:00:00Z`,
});

const sorted = (table: readonly (readonly unknown[])[]) => table.map((row) => JSON.stringify(row)).sort();
