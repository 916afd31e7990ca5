import { Transactions } from '../../src/database/index.js';
import { DeadLetterStore } from '../../src/modules/bus/index.js';
import { ReceiptsService } from '../../src/modules/ingest/receipts.service.js';
import { ReceiptLocator } from '../../src/modules/snapshots/receipt-locator.js';
import { TableNames } from '../../src/modules/tables/table-names.js';
import { openCommitStage, type CommitStage } from '../support/commit.js';
import { until } from '../support/until.js';

const TENANT = 'acme';
const NOT_A_NUMBER = '{"id":"none"}';

let stage: CommitStage;
let receipts: ReceiptsService;
let numbers: number;

beforeEach(async () => {
  stage = await openCommitStage();
  await stage.createTenant(TENANT);
  numbers = await stage.createTable(TENANT, 'numbers', 'long');
  const transactions = new Transactions(stage.dataSource);
  const { bus } = stage;
  const names = new TableNames(transactions);
  receipts = new ReceiptsService(bus, names, new DeadLetterStore(), new ReceiptLocator(), transactions);
});
afterEach(() => stage.close());

const publish = (token: number) =>
  until(`the watermark to be ${token}`, 60_000, async () => {
    await stage.coordinator().runOnce(new AbortController().signal);
    return (await stage.watermark(TENANT)) === token;
  });
const ofKeys = (...keys: string[]) => receipts.ofRecords(TENANT, 'numbers', keys);

describe('receipts', () => {
  it('say of each event whether it is visible, dead and why, or on its way', async () => {
    await stage.appendRaw(TENANT, numbers, '{"id":1}', NOT_A_NUMBER, '{"id":3}');
    expect(await ofKeys('k-1', 'k-2')).toEqual([
      { key: 'k-1', state: 'accepted', visibilityToken: 1 },
      { key: 'k-2', state: 'accepted', visibilityToken: 2 },
    ]);
    await publish(3);
    await stage.appendRaw(TENANT, numbers, '{"id":4}');
    const visible = {
      state: 'visible',
      snapshotId: expect.any(Number) as number,
      file: expect.any(String) as string,
    };
    expect(await ofKeys('k-1', 'k-2', 'k-3', 'k-4', 'k-5')).toEqual([
      { key: 'k-1', visibilityToken: 1, ...visible },
      {
        key: 'k-2',
        visibilityToken: 2,
        state: 'dead',
        deadLetterId: expect.any(Number) as number,
        reason: expect.stringContaining('none') as string,
      },
      { key: 'k-3', visibilityToken: 3, ...visible },
      { key: 'k-4', visibilityToken: 4, state: 'accepted' },
      { key: 'k-5', state: 'unknown' },
    ]);
  });

  it('say discarded of what was under way to a table that was dropped, and go on for its other events', async () => {
    await stage.appendRaw(TENANT, numbers, '{"id":1}');
    await publish(1);
    await stage.appendRaw(TENANT, numbers, '{"id":2}');
    await stage.tables.drop(TENANT, 'numbers', 'test');
    expect(await ofKeys('k-1', 'k-2')).toMatchObject([{ state: 'visible' }, { state: 'accepted' }]);
    await publish(2);
    expect(await ofKeys('k-1', 'k-2')).toMatchObject([{ state: 'visible' }, { state: 'discarded' }]);
    // A table of the same name has its own keys, and hides none.
    const again = await stage.createTable(TENANT, 'numbers', 'long');
    await stage.appendRaw(TENANT, again, '{"id":3}');
    expect(await ofKeys('k-1', 'k-2', 'k-3')).toMatchObject([
      { state: 'visible' },
      { state: 'discarded' },
      { state: 'accepted' },
    ]);
    await expect(receipts.ofRecords(TENANT, 'never', ['k-1'])).rejects.toMatchObject({
      code: 'TABLE_NOT_FOUND',
    });
    await expect(receipts.ofRecords('other', 'numbers', ['k-1'])).rejects.toMatchObject({
      code: 'TABLE_NOT_FOUND',
    });
  });

  it('know the records that a request key covers by their own keys', async () => {
    await stage.appendCovered(TENANT, numbers, 'batch', '{"id":1}', NOT_A_NUMBER);
    await publish(2);
    expect(await ofKeys('batch#0', 'batch#1', 'batch#2', 'batch#01', 'batch', '#1')).toMatchObject([
      { state: 'visible', visibilityToken: 1 },
      { state: 'dead', visibilityToken: 2 },
      { state: 'unknown' },
      { state: 'unknown' },
      { state: 'unknown' },
      { state: 'unknown' },
    ]);
    expect(await receipts.ofRequest(TENANT, 'numbers', 'batch')).toMatchObject({
      state: 'visible',
      firstToken: 1,
      lastToken: 2,
      deadCount: 1,
    });
  });

  it('call a request dead when all of it is', async () => {
    await stage.appendCovered(TENANT, numbers, 'batch', NOT_A_NUMBER);
    await publish(1);
    expect(await receipts.ofRequest(TENANT, 'numbers', 'batch')).toMatchObject({
      state: 'dead',
      deadCount: 1,
      reason: expect.stringContaining('none') as string,
    });
  });
});
