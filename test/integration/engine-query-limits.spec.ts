import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { AppError } from '../../src/kernel/index.js';
import type { QueryTable } from '../../src/modules/engine/index.js';
import { columnsOf, newQueryEngine } from '../support/engine.js';
import { openQueryStage, queryJob, type QueryStage } from '../support/query-stage.js';

/** Far beyond the patience of any test. */
const SLOW = 'SELECT count(*) FROM range(100000) a, range(1000000) b WHERE hash(a.range + b.range) = 1';

let stage: QueryStage;
let events: QueryTable;

beforeAll(async () => {
  stage = await openQueryStage();
  ({ events } = stage);
});
afterAll(() => stage.close());

const run: QueryStage['run'] = (sql, more) => stage.run(sql, more);
const failure: QueryStage['failure'] = (sql, more) => stage.failure(sql, more);

describe('limits', () => {
  it('cut at the row limit and say so', async () => {
    const all = await run('FROM range(10)', { rowLimit: 10 });
    expect([all.rows.length, all.truncated]).toEqual([10, false]);
    const cut = await run('FROM range(1000000000)', { rowLimit: 9 });
    expect([cut.rows.length, cut.truncated]).toEqual([9, true]);
  });

  it('refuse too many bytes', async () => {
    const error = await failure("SELECT repeat('x', 1000) FROM range(100)", { maxBytes: 50_000 });
    expect(error.code).toBe('QUERY_TOO_LARGE');
    expect(error.context).toEqual({ max_bytes: 50_000 });
  });

  it('count the names and types of the columns', async () => {
    const error = await failure(`SELECT 1 AS "${'x'.repeat(60_000)}"`, { maxBytes: 50_000 });
    expect(error.code).toBe('QUERY_TOO_LARGE');
  });

  it('stop at the deadline, also what does not heed an interrupt', async () => {
    const error = await failure(SLOW, { timeoutMs: 300 });
    expect(error.code).toBe('QUERY_TIMEOUT');
    const stubborn = await failure(
      "SELECT max(length(rpad('x', 200000000, 'ab'))) FROM range(1000) r(i) WHERE i >= 0",
      { timeoutMs: 300 },
    );
    expect(['QUERY_TIMEOUT', 'QUERY_MEMORY_EXCEEDED']).toContain(stubborn.code);
  });

  it.each([
    "SELECT length(repeat('x', 2000000000)), length(repeat('y', 2000000000))",
    'SELECT list(hash(i)) FROM range(200000000) r(i)',
    'SELECT i, count(*) FROM range(100000000) r(i) GROUP BY i ORDER BY 2 DESC LIMIT 1',
    "SELECT list_transform(range(100000000), x -> repeat('x', 100))",
    "SELECT string_agg(repeat('x', 1000000), ',') FROM range(10000)",
  ])('stop %s at the memory limit', async (sql) => {
    expect((await failure(sql)).code).toBe('QUERY_MEMORY_EXCEEDED');
    expect((await run('SELECT 1')).rows).toEqual([[1]]);
  });

  it('survive deep statements', async () => {
    const tenantId = 'deep';
    const wide = `SELECT count(*) FROM (SELECT 1 ${'UNION ALL SELECT 1 '.repeat(2000)})`;
    expect((await run(wide, { tenantId })).rows).toEqual([[2001]]);
    const deep = `SELECT * FROM ${'(SELECT * FROM '.repeat(300)}(SELECT 1)${')'.repeat(300)}`;
    expect((await run(deep, { tenantId })).rows).toEqual([[1]]);
  });
});

describe('failures', () => {
  it('of the statement have a message and a place, without paths', async () => {
    const error = await failure("SELECT 'é', CAST(name AS INTEGER) FROM events", { tables: [events] });
    expect(error.code).toBe('SQL_INVALID');
    expect(error.message).toContain('Could not convert');
    expect(error.message).not.toContain(stage.folder);
    expect((await failure("SELECT 'é', nothing FROM events", { tables: [events] })).context).toEqual({
      position: 13,
    });
  });

  it('have a short message, whatever the statement puts into it', async () => {
    const error = await failure("SELECT error(repeat('é', 5000000))");
    expect(error.code).toBe('SQL_INVALID');
    expect(error.message.length).toBeLessThan(5000);
  });

  it('of a file do not show its path', async () => {
    await writeFile(stage.path('torn.parquet'), 'PAR1 is not enough');
    const torn = stage.tableOf('torn', columnsOf({ a: 'long' }), ['torn.parquet']);
    const error: unknown = await stage.engine
      .run(queryJob('FROM torn', { tables: [torn] }))
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).not.toContain(stage.folder);
  });

  it('of a child cost one query', async () => {
    const own = newQueryEngine({ concurrency: 1 });
    await own.warm();
    const slow = own.run(queryJob(SLOW));
    slow.catch(() => undefined);
    const working = own.childPids().slice(1);
    for (const pid of working) process.kill(pid, 'SIGKILL');
    await expect(slow).rejects.toThrow(Error);
    expect((await own.run(queryJob('SELECT 1'))).rows).toEqual([[1]]);
    await own.close();
  });
});

describe('a caller that goes away', () => {
  it('ends its query', async () => {
    const abort = new AbortController();
    const slow = stage.engine.run(queryJob(SLOW), abort.signal);
    abort.abort(new Error('gone'));
    await expect(slow).rejects.toThrow('gone');
    expect((await run('SELECT 1')).rows).toEqual([[1]]);
  });
});

describe('children', () => {
  it('keep nothing of a statement for the next one', async () => {
    await run('CREATE TABLE left_behind AS SELECT 1 AS a');
    expect((await failure('SELECT a FROM left_behind')).code).toBe('SQL_INVALID');
    expect((await run('SELECT 1')).rows).toEqual([[1]]);
  });

  it('serve the next statement of their tenant, however soon it comes', async () => {
    const own = newQueryEngine({ concurrency: 2 });
    await own.run(queryJob('SELECT 1'));
    await own.warm();
    const pids = own.childPids();
    for (let i = 0; i < 5; i++) expect((await own.run(queryJob(`SELECT ${i}`))).rows).toEqual([[i]]);
    expect(own.childPids()).toEqual(pids);
    await own.close();
  });

  it('serve one tenant each, have no environment, and are limited', async () => {
    const own = newQueryEngine({ concurrency: 2, idleMs: 60_000 });
    const pidsOf = async (tenantId: string) => {
      await own.run(queryJob('SELECT 1', { tenantId }));
      return own.childPids();
    };
    const first = await pidsOf('a');
    const again = await pidsOf('a');
    expect(again[0]).toBe(first[0]);
    await pidsOf('b');
    await own.gate('SELECT 1', []);
    await own.warm();
    const pids = own.childPids();
    expect(pids).toHaveLength(4);
    for (const pid of pids) {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8')
        .split('\0')
        .filter((entry) => entry !== '');
      expect(environment.map((entry) => entry.split('=')[0]).sort()).toEqual([
        'LANG',
        'MALLOC_ARENA_MAX',
        'NODE_CHANNEL_FD',
        'NODE_CHANNEL_SERIALIZATION_MODE',
        'PATH',
        'PWD',
        'TZ',
      ]);
      expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/Max address space\s+\d+/);
      expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/Max core file size\s+0/);
    }
    await pidsOf('c');
    expect(own.childPids().length).toBeLessThanOrEqual(4);
    await own.close();
    expect(own.childPids()).toEqual([]);
  });

  it('wait in a short queue, and are refused beyond it', async () => {
    const own = newQueryEngine({ concurrency: 1, maxWaiting: 1 });
    const slow = () =>
      own.run(
        queryJob('SELECT count(*) FROM range(20000) a, range(5000) b WHERE hash(a.range + b.range) = 1'),
      );
    const answers = await Promise.allSettled([slow(), slow(), slow()]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    const reasons = answers.flatMap((answer) =>
      answer.status === 'rejected' ? [answer.reason as AppError] : [],
    );
    expect(reasons.map(({ code }) => code)).toEqual(['QUEUE_FULL']);
    await own.close();
  });
});
