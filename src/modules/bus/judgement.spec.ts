import fc from 'fast-check';
import { arbitraryRequest, type SketchedRequest } from '../../../test/support/bus-arbitraries.js';
import { expectedAck, ModelTable, nameOf, type ModelOutcome } from '../../../test/support/bus-model.js';
import { hashOf, record, type RecordSketch } from '../../../test/support/bus-requests.js';
import type { IngestRecord, IngestRequest } from './ingest-bus.js';
import {
  forEachLine,
  judge,
  skippedOrdinals,
  unitsOf,
  type GroupPlan,
  type JudgedRequest,
  type LedgerRow,
  type PlannedBatch,
} from './judgement.js';
import { storedKey } from './stored-key.js';

function judged(records: readonly RecordSketch[], more: Partial<IngestRequest> = {}): JudgedRequest {
  const request: IngestRequest = {
    tenantId: 't',
    tableId: 1,
    windowClass: '24h',
    schemaVersion: 1,
    catalogEpoch: 0,
    requestKey: undefined,
    revalidate: () => Promise.reject(new Error('not asked for')),
    ...more,
    records: records.map(record),
  };
  return { request, units: unitsOf(request) };
}

const rowFor = (key: string, content: number, token: number): [string, LedgerRow] => [
  storedKey(1, 'record', key),
  { contentHash: hashOf(content), token },
];

function linesOf(batch: PlannedBatch) {
  const lines: { ordinal: number; key: string; record: IngestRecord }[] = [];
  forEachLine(batch, (ordinal, key, line) => lines.push({ ordinal, key, record: line }));
  return lines;
}

describe('unitsOf', () => {
  it('has a unit for each record with a key of its own and one for all others', () => {
    const { units } = judged([{ key: 'a' }, {}, { key: 'b' }, {}], { requestKey: 'r' });
    expect(units.map(({ position, covered }) => [position, covered])).toEqual([
      [0, undefined],
      [2, undefined],
      [1, [1, 3]],
    ]);
  });

  it('takes no notice of the request key where all records have keys', () => {
    expect(judged([{ key: 'a' }], { requestKey: 'r' }).units).toHaveLength(1);
  });

  it('throws where a record has no key at all', () => {
    expect(() => judged([{ key: 'a' }, {}])).toThrow('record 1 has no idempotency key');
  });

  it('tells the same covered records at other positions apart', () => {
    const [first] = judged([{ key: 'a' }, { content: 5 }], { requestKey: 'r' }).units.slice(-1);
    const [second] = judged([{ content: 5 }, { key: 'a' }], { requestKey: 'r' }).units.slice(-1);
    expect(first?.storedKey).toBe(second?.storedKey);
    expect(first?.contentHash).not.toBe(second?.contentHash);
  });
});

describe('judge', () => {
  it('gives every record of a request with something new an ordinal, its duplicates too', () => {
    const { verdicts, plan } = judge(
      [judged([{ key: 'a' }, { key: 'b' }, { key: 'c' }]), judged([{ key: 'd' }])],
      new Map([rowFor('b', 0, 41)]),
    );
    expect(verdicts[0]).toMatchObject({ kind: 'kept', acceptedCount: 2, duplicateCount: 1 });
    const [batch] = plan.batches as [PlannedBatch];
    expect(batch.records).toBe(4);
    expect(skippedOrdinals(batch)).toEqual([1]);
    expect(linesOf(batch).map(({ ordinal, key }) => [ordinal, key])).toEqual([
      [0, 'a'],
      [2, 'c'],
      [3, 'd'],
    ]);
    expect(plan.rows.map(({ ordinal }) => ordinal)).toEqual([0, 2, 3]);
  });

  it('gives no ordinals to refused and wholly duplicate requests', () => {
    const { verdicts, plan } = judge(
      [judged([{ key: 'a' }]), judged([{ key: 'x' }, { key: 'b', content: 1 }]), judged([{ key: 'c' }])],
      new Map([rowFor('a', 0, 7), rowFor('b', 0, 8)]),
    );
    expect(verdicts[0]).toEqual({
      kind: 'kept',
      acceptedCount: 0,
      duplicateCount: 1,
      quarantinedCount: 0,
      tokens: [{ token: 7 }],
    });
    expect(verdicts[1]).toEqual({ kind: 'refused', position: 1, key: 'b', final: true });
    expect(plan.batches).toHaveLength(1);
    expect(plan.batches[0]?.records).toBe(1);
    expect(plan.rows.map(({ unit }) => unit.storedKey)).toEqual([storedKey(1, 'record', 'c')]);
  });

  it('makes no plan where nothing is new', () => {
    const { plan } = judge([judged([{ key: 'a' }])], new Map([rowFor('a', 0, 7)]));
    expect(plan).toEqual({ rows: [], batches: [] });
  });

  it('leaves nothing of a refused request for those after it', () => {
    const { verdicts } = judge(
      [judged([{ key: 'a' }, { key: 'b' }, { key: 'b', content: 1 }]), judged([{ key: 'a', content: 1 }])],
      new Map(),
    );
    expect(verdicts.map(({ kind }) => kind)).toEqual(['refused', 'kept']);
  });

  it('says that a refusal is not final where an earlier request of the group is the cause', () => {
    const { verdicts } = judge(
      [
        judged([{ key: 'a' }]),
        judged([{ key: 'a', content: 1 }]),
        judged([{ key: 'b' }, { key: 'b', content: 1 }]),
      ],
      new Map(),
    );
    expect(verdicts[1]).toMatchObject({ kind: 'refused', final: false });
    expect(verdicts[2]).toMatchObject({ kind: 'refused', final: true });
  });

  it('refuses other content under the request key, naming no record', () => {
    const { verdicts } = judge(
      [judged([{}, {}], { requestKey: 'r' }), judged([{}], { requestKey: 'r' })],
      new Map(),
    );
    expect(verdicts[1]).toEqual({ kind: 'refused', position: undefined, key: 'r', final: false });
  });

  it('points the row of a request at its first record', () => {
    const { plan } = judge(
      [judged([{ key: 'a' }]), judged([{ key: 'b' }, {}, {}], { requestKey: 'r' })],
      new Map(),
    );
    expect(plan.rows.find(({ unit }) => unit.covered !== undefined)?.ordinal).toBe(1);
  });

  it('finds the tokens of a repeated request by position', () => {
    const again = judged([{ key: 'new' }, {}, {}], { requestKey: 'r' });
    const unit = again.units.find(({ covered }) => covered !== undefined);
    const ledger = new Map([[unit?.storedKey ?? '', { contentHash: unit?.contentHash ?? '', token: 100 }]]);
    const { verdicts } = judge([again], ledger);
    expect(verdicts[0]).toMatchObject({ acceptedCount: 1, duplicateCount: 2 });
    const tokens = verdicts[0]?.kind === 'kept' ? verdicts[0].tokens : [];
    expect(tokens.flatMap((source) => ('token' in source ? [source.token] : []))).toEqual([101, 102]);
  });

  it('orders batches by table id, one a table', () => {
    const { plan } = judge(
      [
        judged([{ key: 'a' }], { tableId: 10 }),
        judged([{ key: 'a' }], { tableId: 9 }),
        judged([{ key: 'b' }], { tableId: 10 }),
      ],
      new Map(),
    );
    expect(plan.batches.map(({ tableId, records }) => [tableId, records])).toEqual([
      [9, 1],
      [10, 2],
    ]);
    expect(plan.rows.map(({ batch, ordinal }) => [batch.tableId, ordinal])).toEqual([
      [10, 0],
      [9, 0],
      [10, 1],
    ]);
  });

  it('agrees with the reference model over any groups', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(arbitraryRequest(3), { minLength: 1, maxLength: 8 }), {
          minLength: 1,
          maxLength: 6,
        }),
        (groups) => {
          const { expected, actual } = runGroups(groups);
          expect(actual).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});

/** Commits group after group in a ledger that is a map, as the ingest function does in the database. */
function runGroups(groups: readonly (readonly SketchedRequest[])[]) {
  const ledger = new Map<string, LedgerRow>();
  const found = new Map<string, LedgerRow>();
  const models = new Map<number, ModelTable>();
  const tokens = new Map<string, number>();
  const expected: unknown[] = [];
  const actual: unknown[] = [];
  let clock = 0;
  let index = 0;
  for (const group of groups) {
    const names = group.map(() => index++);
    const requests = group.map((sketch, at) =>
      judged(
        sketch.records.map((r, position) => ({ ...r, payload: nameOf(names[at] ?? 0, position) })),
        { tableId: sketch.table, requestKey: sketch.requestKey },
      ),
    );
    let { verdicts, plan } = judge(requests, found);
    const met = plan.rows.filter((row) => ledger.has(row.unit.storedKey));
    if (met.length > 0) {
      // The function raised: everything that is in the ledger is read, and the group judged again.
      for (const { units } of requests) {
        for (const unit of units) {
          const row = ledger.get(unit.storedKey);
          if (row !== undefined) found.set(unit.storedKey, row);
        }
      }
      ({ verdicts, plan } = judge(requests, found));
    }
    clock = commit(plan, clock, ledger, tokens);
    const firstTokens = firstTokensOf(plan, clock);
    group.forEach((sketch, at) => {
      const model = models.get(sketch.table) ?? new ModelTable();
      models.set(sketch.table, model);
      const outcome: ModelOutcome = model.apply(names[at] ?? 0, sketch);
      expected.push(outcome.kind === 'refused' ? 'refused' : expectedAck(names[at] ?? 0, outcome, tokens));
      const verdict = verdicts[at];
      actual.push(
        verdict?.kind !== 'kept'
          ? verdict?.kind
          : {
              acceptedCount: verdict.acceptedCount,
              duplicateCount: verdict.duplicateCount,
              maxVisibilityToken: Math.max(
                ...verdict.tokens.map((source) =>
                  'token' in source ? source.token : (firstTokens.get(source.batch) ?? NaN) + source.ordinal,
                ),
              ),
            },
      );
    });
  }
  expected.push({ events: expectedEvents(groups, models.size) });
  actual.push({ events: tokens.size });
  return { expected, actual };
}

function commit(
  plan: GroupPlan,
  clock: number,
  ledger: Map<string, LedgerRow>,
  tokens: Map<string, number>,
): number {
  let next = clock + 1;
  for (const batch of plan.batches) {
    for (const { ordinal, record: line } of linesOf(batch))
      tokens.set(JSON.parse(line.payload) as string, next + ordinal);
    for (const row of plan.rows.filter((candidate) => candidate.batch === batch)) {
      if (ledger.has(row.unit.storedKey)) throw new Error('a key is given out twice');
      ledger.set(row.unit.storedKey, { contentHash: row.unit.contentHash, token: next + row.ordinal });
    }
    const ordinals = [...linesOf(batch).map(({ ordinal }) => ordinal), ...skippedOrdinals(batch)].sort(
      (a, b) => a - b,
    );
    expect(ordinals).toEqual(Array.from({ length: batch.records }, (_, ordinal) => ordinal));
    next += batch.records;
  }
  return next - 1;
}

function firstTokensOf(plan: GroupPlan, clock: number) {
  let first = clock + 1 - plan.batches.reduce((sum, batch) => sum + batch.records, 0);
  return new Map(
    plan.batches.map((batch) => {
      const own = first;
      first += batch.records;
      return [batch, own];
    }),
  );
}

/** How many records the model takes as new in all. */
function expectedEvents(groups: readonly (readonly SketchedRequest[])[], tables: number): number {
  const models = Array.from({ length: Math.max(tables, 3) }, () => new ModelTable());
  let events = 0;
  groups.flat().forEach((sketch, index) => {
    const outcome = models[sketch.table]?.apply(index, sketch);
    if (outcome?.kind === 'kept')
      events += outcome.originals.filter((original) => original === undefined).length;
  });
  return events;
}
