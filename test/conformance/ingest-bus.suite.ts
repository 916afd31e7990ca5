import type { BusBackend } from '../support/bus-backend.js';
import { testSeed } from '../support/bus-arbitraries.js';
import { describeClaims } from './ingest-bus.claims.js';
import { describeConcurrency } from './ingest-bus.concurrency.js';
import { describeEpochs } from './ingest-bus.epochs.js';
import { describeIngest } from './ingest-bus.ingest.js';
import { describeModel } from './ingest-bus.model.js';
import { describeSplits } from './ingest-bus.splits.js';

export interface SuiteContext {
  readonly backend: () => BusBackend;
  readonly seed: number;
}

/** What every adapter of the `IngestBus` port must keep. `open` is called once. */
export function ingestBusSuite(name: string, open: () => Promise<BusBackend>): void {
  describe(`IngestBus: ${name}`, () => {
    let backend: BusBackend | undefined;
    const seed = testSeed();
    const context: SuiteContext = {
      backend: () => {
        if (backend === undefined) throw new Error('the backend did not open');
        return backend;
      },
      seed,
    };

    beforeAll(async () => {
      process.stderr.write(`IngestBus: ${name}: TIDEMARK_TEST_SEED=${seed}\n`);
      backend = await open();
    });
    afterAll(() => backend?.close());

    describeIngest(context);
    describeClaims(context);
    describeSplits(context);
    describeEpochs(context);
    describeConcurrency(context);
    describeModel(context);
  });
}
