import fc from 'fast-check';
import type { IngestAck, IngestBus, WindowClass } from '../../src/modules/bus/index.js';
import { arbitraryRequest, type SketchedRequest } from '../support/bus-arbitraries.js';
import { expectedAck, ModelTable, nameOf, type ModelOutcome } from '../support/bus-model.js';
import { drain, newTableId, requestOf } from '../support/bus-requests.js';
import type { SuiteContext } from './ingest-bus.suite.js';

const TABLES = 3;
const BUSES = 3;
/** Of the tables, in their order. */
const WINDOWS: readonly WindowClass[] = ['24h', '7d', '24h'];

type Outcome = IngestAck | 'refused';

/** Something that happens: a request on one of the buses, or a disturbance that must not show. */
type Step =
  | { readonly kind: 'request'; readonly bus: number; readonly sketch: SketchedRequest }
  | { readonly kind: 'rotate bodies' }
  | { readonly kind: 'rotate'; readonly window: WindowClass }
  | { readonly kind: 'raise epoch' }
  | { readonly kind: 'settle' };

const step = (buses: number): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 30,
      arbitrary: fc.record({
        kind: fc.constant('request' as const),
        bus: fc.nat({ max: buses - 1 }),
        sketch: arbitraryRequest(TABLES),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'rotate bodies' as const }) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('24h' as const, '7d' as const)
        .map((window) => ({ kind: 'rotate' as const, window })),
    },
    { weight: 2, arbitrary: fc.constant({ kind: 'raise epoch' as const }) },
    { weight: 3, arbitrary: fc.constant({ kind: 'settle' as const }) },
  );

/** Random concurrent groups against the reference model. */
export function describeModel({ backend, seed }: SuiteContext): void {
  describe('reference model', () => {
    let buses: IngestBus[];

    beforeAll(async () => {
      buses = await Promise.all(Array.from({ length: BUSES }, () => backend().open()));
    });

    it('agrees on what one process answers, in order of arrival', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step(1), { minLength: 1, maxLength: 60 }), async (steps) => {
          const run = await runSteps(steps);
          const models = newModels();
          const expected = run.requests.map((sketch, index) => {
            const outcome = modelOf(models, sketch).apply(index, sketch);
            return outcome.kind === 'refused' ? 'refused' : expectedAck(index, outcome, run.tokens);
          });
          expect(run.outcomes).toEqual(expected);
          checkTokens(run);
        }),
        { seed, numRuns: 40 },
      );
    });

    it('finds an order of the requests of several processes that explains every answer', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step(BUSES), { minLength: 10, maxLength: 80 }), async (steps) => {
          const run = await runSteps(steps);
          checkTokens(run);
          checkOrderExists(run);
        }),
        { seed, numRuns: 40 },
      );
    });

    /** All requests between two `settle` steps are under way at once. */
    async function runSteps(steps: readonly Step[]) {
      const tenantId = await backend().createTenant();
      const tables = Array.from({ length: TABLES }, newTableId);
      const requests: SketchedRequest[] = [];
      const outcomes: Promise<Outcome>[] = [];
      const disturbances: Promise<unknown>[] = [];
      const rotated = new Set<WindowClass>();
      for (const one of steps) {
        if (one.kind === 'request') {
          const index = requests.push(one.sketch) - 1;
          const request = requestOf(backend(), tenantId, tables[one.sketch.table] ?? 0, {
            windowClass: WINDOWS[one.sketch.table] ?? '24h',
            requestKey: one.sketch.requestKey,
            records: one.sketch.records.map((sketch, position) => ({
              ...sketch,
              payload: nameOf(index, position),
            })),
          });
          outcomes.push((buses[one.bus] as IngestBus).append(request).catch(refusal));
        } else if (one.kind === 'settle') {
          await Promise.all(outcomes);
        } else if (one.kind === 'raise epoch') {
          disturbances.push(backend().raiseEpoch(tenantId));
        } else if (one.kind === 'rotate bodies') {
          disturbances.push((buses[0] as IngestBus).rotate('body'));
        } else if (!rotated.has(one.window)) {
          // A second rotation would end the window.
          rotated.add(one.window);
          disturbances.push((buses[0] as IngestBus).rotate(one.window));
        }
      }
      await Promise.all(disturbances);
      const answers = await Promise.all(outcomes);
      const events = await drain(backend(), buses[0] as IngestBus, tenantId);
      return {
        requests,
        outcomes: answers,
        events,
        clock: await backend().clockOf(tenantId),
        tableIds: tables,
        tokens: new Map(events.map(({ payload, token }) => [payload as string, token])),
      };
    }
  });
}

type Run = {
  readonly requests: readonly SketchedRequest[];
  readonly outcomes: readonly Outcome[];
  readonly events: readonly {
    readonly payload: unknown;
    readonly token: number;
    readonly tableId: number;
    readonly key: string;
  }[];
  readonly clock: number;
  readonly tableIds: readonly number[];
  readonly tokens: ReadonlyMap<string, number>;
};

function refusal(error: unknown): Outcome {
  expect(error).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  return 'refused';
}

const newModels = (): ModelTable[] => Array.from({ length: TABLES }, () => new ModelTable());

function modelOf(models: readonly ModelTable[], sketch: SketchedRequest): ModelTable {
  const model = models[sketch.table];
  if (model === undefined) throw new Error('no such table');
  return model;
}

const isNew = (outcome: Outcome): boolean => outcome !== 'refused' && outcome.acceptedCount > 0;

/** Every accepted record is there once, under its own key, and the requests' tokens lie side by side to the clock. */
function checkTokens(run: Run): void {
  expect(run.tokens.size).toBe(run.events.length);
  const accepted = run.outcomes.map((outcome) => (outcome === 'refused' ? 0 : outcome.acceptedCount));
  const found = run.requests.map(() => 0);
  const firstTokens = new Map<number, number>();
  for (const event of run.events) {
    const [index, position] = String(event.payload).split('/').map(Number) as [number, number];
    const request = run.requests[index] as SketchedRequest;
    found[index] = (found[index] ?? 0) + 1;
    expect(event.tableId).toBe(run.tableIds[request.table]);
    expect(event.key).toBe(request.records[position]?.key ?? `${request.requestKey}#${position}`);
    const first = firstTokens.get(index) ?? event.token - position;
    expect(event.token - position).toBe(first);
    firstTokens.set(index, first);
  }
  expect(found).toEqual(accepted);
  let next = 1;
  for (const [index, first] of [...firstTokens].toSorted((a, b) => a[1] - b[1])) {
    expect(first).toBe(next);
    next += run.requests[index]?.records.length ?? 0;
  }
  expect(run.clock).toBe(next - 1);
}

/**
 * The requests that brought something, in the order of their tokens, give the model the same answers. Those that
 * brought nothing must have been answered so at some point of that order.
 */
function checkOrderExists(run: Run): void {
  const firstToken = (index: number): number =>
    Math.min(
      ...(run.requests[index]?.records ?? []).map(
        (_, position) => run.tokens.get(nameOf(index, position)) ?? Infinity,
      ),
    );
  const writers = run.outcomes
    .flatMap((outcome, index) => (isNew(outcome) ? [index] : []))
    .toSorted((a, b) => firstToken(a) - firstToken(b));
  const explained = new Set<number>();
  const explainOthers = (before: readonly number[]): void => {
    run.outcomes.forEach((outcome, index) => {
      if (isNew(outcome) || explained.has(index)) return;
      const models = newModels();
      for (const writer of before) applyTo(models, run, writer);
      if (answers(run, index, applyTo(models, run, index), outcome)) explained.add(index);
    });
  };
  const models = newModels();
  explainOthers([]);
  writers.forEach((writer, at) => {
    const outcome = run.outcomes[writer] as Outcome;
    expect([writer, answers(run, writer, applyTo(models, run, writer), outcome)]).toEqual([writer, true]);
    explainOthers(writers.slice(0, at + 1));
  });
  const unexplained = run.outcomes.flatMap((outcome, index) =>
    isNew(outcome) || explained.has(index) ? [] : [{ index, outcome }],
  );
  expect(unexplained).toEqual([]);
}

function applyTo(models: readonly ModelTable[], run: Run, index: number): ModelOutcome {
  const sketch = run.requests[index] as SketchedRequest;
  return modelOf(models, sketch).apply(index, sketch);
}

function answers(run: Run, index: number, model: ModelOutcome, outcome: Outcome): boolean {
  if (model.kind === 'refused' || outcome === 'refused') return model.kind === outcome;
  return JSON.stringify(expectedAck(index, model, run.tokens)) === JSON.stringify(outcome);
}
