import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import fc from 'fast-check';
import type { IngestAck, IngestRequest } from '../../src/modules/bus/index.js';
import { testSeed } from '../support/bus-arbitraries.js';
import { openPostgresBackend, type PostgresBackend } from '../support/bus-postgres.js';
import { drain, newTableId, requestOf, type ReadEvent } from '../support/bus-requests.js';

const PROCESSES = 4;
const ROUNDS = 6;
const WRITER = join(import.meta.dirname, '../support/bus-writer.mjs');

type Answer = IngestAck | { readonly code: string };
type Appends = readonly (readonly Omit<IngestRequest, 'revalidate'>[])[];

/** Starts a process for each list of appends, lets them begin together, and answers what each was answered. */
async function runProcesses(url: string, appends: readonly Appends[]): Promise<Answer[][][]> {
  const children = appends.map(() =>
    fork(WRITER, { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
  );
  await Promise.all(children.map((child) => once(child, 'message')));
  return Promise.all(
    children.map(async (child, index) => {
      const exit = once(child, 'exit');
      const answers = once(child, 'message') as Promise<[Answer[][]]>;
      child.send({ url, appends: appends[index] });
      const [first] = await Promise.race([answers, exit.then(() => [undefined] as const)]);
      await exit;
      if (first === undefined) throw new Error('a writer ended without an answer');
      return first;
    }),
  );
}

describe('IngestBus: Postgres: separate processes', () => {
  let backend: PostgresBackend;
  const seed = testSeed();

  beforeAll(async () => {
    process.stderr.write(`IngestBus: Postgres: separate processes: TIDEMARK_TEST_SEED=${seed}\n`);
    backend = await openPostgresBackend();
  });
  afterAll(() => backend.close());

  it('accept each key once over all, and answer the same tokens', async () => {
    const tenantId = await backend.createTenant();
    const tableId = newTableId();
    const sketch = fc.record({
      requestKey: fc.option(fc.nat(3), { nil: undefined, freq: 3 }),
      keys: fc.uniqueArray(fc.nat(39), { minLength: 1, maxLength: 20 }),
    });
    // In round r everybody sends the keys of round r, in some order and grouping of their own.
    const appends = fc
      .sample(
        fc.array(fc.array(sketch, { minLength: 6, maxLength: 6 }), { minLength: ROUNDS, maxLength: ROUNDS }),
        {
          seed,
          numRuns: PROCESSES,
        },
      )
      .map((rounds, process): Appends =>
        rounds.map((requests, round) =>
          requests.map(({ requestKey, keys }, n) => {
            const records = keys.map((key) => ({
              key: `k-${round}-${key}`,
              payload: `${process}/${round}/${n}`,
            }));
            const covered = { key: undefined, payload: `${process}/${round}/${n}` };
            return withoutRevalidate(
              requestOf(backend, tenantId, tableId, {
                requestKey: requestKey === undefined ? undefined : `r-${round}-${requestKey}`,
                // Covered records come first, so that equal request keys cover equal positions.
                records: requestKey === undefined ? records : [covered, covered, ...records],
              }),
            );
          }),
        ),
      );

    const answers = await runProcesses(backend.url, appends);
    const events = await drain(backend, await backend.open(), tenantId);

    const sent = appends
      .flat(2)
      .flatMap((request) =>
        request.records.map(({ key }, position) => key ?? `${request.requestKey}#${position}`),
      );
    expect(events.map(({ key }) => key).toSorted()).toEqual([...new Set(sent)].toSorted());
    const tokenOf = new Map(events.map((event: ReadEvent) => [event.key, event.token]));
    let accepted = 0;
    appends.forEach((rounds, process) =>
      rounds.forEach((requests, round) =>
        requests.forEach((request, n) => {
          const answer = answers[process]?.[round]?.[n];
          if (answer === undefined || 'code' in answer) throw new Error(`refused: ${JSON.stringify(answer)}`);
          accepted += answer.acceptedCount;
          expect(answer.acceptedCount + answer.duplicateCount).toBe(request.records.length);
          const tokens = request.records.map(
            ({ key }, at) => tokenOf.get(key ?? `${request.requestKey}#${at}`) ?? NaN,
          );
          expect(answer.maxVisibilityToken).toBe(Math.max(...tokens));
        }),
      ),
    );
    expect(accepted).toBe(events.length);
  });
});

function withoutRevalidate({ revalidate: _, ...request }: IngestRequest): Omit<IngestRequest, 'revalidate'> {
  return request;
}
