import { readFile, writeFile } from 'node:fs/promises';
import { ConversionFault, EngineFailure } from '../../src/modules/engine/index.js';
import type { DuckDbWriteEngine } from '../../src/modules/engine/write-engine.duckdb.js';
import { type BodyLine, columnsOf, newWriteEngine, writeBody, writeOne } from '../support/engine.js';
import { BATCHES, openWriteStage, type WriteStage } from '../support/write-stage.js';

let stage: WriteStage;
let engine: DuckDbWriteEngine;

beforeAll(async () => {
  stage = await openWriteStage();
  ({ engine } = stage);
});
afterAll(() => stage.close());

const at = (name: string) => stage.at(name);
const jobOf: WriteStage['jobOf'] = (...job) => stage.jobOf(...job);

describe('a job that fails', () => {
  it.each([
    ['a number out of range', { n: 'int' }, { n: 2147483648 }],
    ['a decimal with too many digits', { n: 'decimal(4,2)' }, { n: '100.00' }],
    ['a day that does not exist', { n: 'date' }, { n: '2023-02-29' }],
    ['text that is not JSON', { n: 'json' }, { n: '{' }],
  ])('rejects %s as a ConversionFault, and goes on', async (_, types, bad) => {
    const job = await jobOf('bad', columnsOf(types), [bad]);
    await expect(engine.writeParquet(job)).rejects.toThrow(ConversionFault);
    const good = await jobOf('good', columnsOf({ n: 'long' }), [{ n: 1 }]);
    await expect(writeOne(engine, good)).resolves.toMatchObject({ rowCount: 1 });
  });

  it('rejects lines of an unknown batch and a torn body', async () => {
    const columns = columnsOf({ n: 'long' });
    const lines: BodyLine[] = Array.from({ length: 5000 }, (_, o) => ({ b: 1, o, k: `k${o}`, p: { n: o } }));
    await writeBody(
      at('lost.zst'),
      lines.map((line) => ({ ...line, b: 9 })),
    );
    const job = {
      inputs: [{ bodyFile: at('lost.zst'), columns }],
      batches: BATCHES,
      columns,
      sortBy: [],
      output: at('lost.parquet'),
    };
    await expect(engine.writeParquet(job)).rejects.toThrow(ConversionFault);
    await writeBody(at('whole.zst'), lines);
    const whole = await readFile(at('whole.zst'));
    await writeFile(at('torn.zst'), whole.subarray(0, whole.length - 100));
    const torn = engine.writeParquet({
      ...job,
      inputs: [{ bodyFile: at('torn.zst'), columns }],
      expectedRows: 5000,
    });
    await expect(torn).rejects.toThrow(ConversionFault);
  });

  it('reports a missing body as a failure of the engine', async () => {
    const job = await jobOf('missing', columnsOf({ n: 'long' }), [{ n: 1 }]);
    const missing = { ...job, inputs: [{ bodyFile: at('nowhere.zst'), columns: job.columns }] };
    await expect(engine.writeParquet(missing)).rejects.toThrow(EngineFailure);
  });

  it('replaces a child that died', async () => {
    const own = newWriteEngine(stage.folder);
    const job = await jobOf('died', columnsOf({ n: 'long' }), [{ n: 1 }]);
    await writeOne(own, job);
    const pid = own.childPids()[0];
    if (pid === undefined) throw new Error('no child');
    process.kill(pid, 'SIGKILL');
    await expect(writeOne(own, job).catch(() => writeOne(own, job))).resolves.toMatchObject({
      rowCount: 1,
    });
    expect(own.childPids()).not.toContain(pid);
    await own.close();
    await expect(own.writeParquet(job)).rejects.toThrow(EngineFailure);
  });

  it('gives up when the signal aborts', async () => {
    const columns = columnsOf({ n: 'long' });
    await writeBody(
      at('slow.zst'),
      Array.from({ length: 200_000 }, (_, o) => ({ b: 1, o, k: `k${o}`, p: { n: o } })),
      50_000,
    );
    const job = {
      inputs: [{ bodyFile: at('slow.zst'), columns }],
      batches: BATCHES,
      columns,
      sortBy: [],
      output: at('slow.parquet'),
    };
    const abort = new AbortController();
    const writing = engine.writeParquet(job, abort.signal);
    abort.abort(new Error('enough'));
    await expect(writing).rejects.toThrow('enough');
    await expect(writeOne(engine, job)).resolves.toMatchObject({ rowCount: 200_000 });
  });
});
