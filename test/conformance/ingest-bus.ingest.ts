import { randomUUID } from 'node:crypto';
import type { IngestBus } from '../../src/modules/bus/index.js';
import { drain, newTableId, requestOf, type RequestSketch } from '../support/bus-requests.js';
import type { SuiteContext } from './ingest-bus.suite.js';

const REUSED = { code: 'IDEMPOTENCY_KEY_REUSED' };

/** Characters of every plane that has any, the ends of the planes, and what JSON and SQL treat apart. */
// prettier-ignore
const SAMPLES = [
  'a', '"', '\\', "'", '{', '}', ',', '\n', '\t', '\u0001', '\u007f', '\u0080', 'é', 'ß', '\u2028', '中', '\ud7ff',
  '\ue000', '\ufffd', '\uffff', '𐀀', '😀', '𠀀', '\u{2ffff}', '\u{30000}', '\u{3134a}', '\u{4abcd}', '\u{50000}',
  '\u{6abcd}', '\u{70000}', '\u{8abcd}', '\u{90000}', '\u{aabcd}', '\u{b0000}', '\u{cabcd}', '\u{d0000}',
  '\u{e0001}', '\u{f0000}', '\u{10ffff}',
];

/** One process, one request after another: what is kept, what is refused, and the arithmetic of tokens. */
export function describeIngest({ backend }: SuiteContext): void {
  describe('ingest', () => {
    let bus: IngestBus;
    let tenantId: string;
    let tableId: number;
    const append = (sketch: RequestSketch) => bus.append(requestOf(backend(), tenantId, tableId, sketch));
    const events = () => drain(backend(), bus, tenantId);

    beforeAll(async () => {
      bus = await backend().open();
    });
    beforeEach(async () => {
      tenantId = await backend().createTenant();
      tableId = newTableId();
    });

    it('gives the first records the first tokens and keeps them as they are', async () => {
      const payload = {
        text: 'ü "quoted" \\ \n',
        number: 1.5,
        list: [null, true, {}],
        nested: { a: '\u2028' },
      };
      const ack = await append({
        schemaVersion: 3,
        records: [
          { key: 'a', payload, eventTime: '2026-01-02T03:04:05.678901Z' },
          { key: 'b', op: 'upsert', payload: {} },
          { key: 'c', op: 'delete', payload: { id: 1 } },
        ],
      });
      expect(ack).toEqual({ acceptedCount: 3, duplicateCount: 0, maxVisibilityToken: 3 });
      expect(await backend().clockOf(tenantId)).toBe(3);
      const common = { tableId, schemaVersion: 3, batchId: expect.any(Number) as number };
      expect(await events()).toEqual([
        {
          ...common,
          token: 1,
          ordinal: 0,
          key: 'a',
          op: 'insert',
          payload,
          eventTime: '2026-01-02T03:04:05.678901Z',
        },
        { ...common, token: 2, ordinal: 1, key: 'b', op: 'upsert', payload: {}, eventTime: undefined },
        { ...common, token: 3, ordinal: 2, key: 'c', op: 'delete', payload: { id: 1 }, eventTime: undefined },
      ]);
    });

    it('answers a repeat with the first token and takes none', async () => {
      const first = await append({ records: [{ key: 'a' }, { key: 'b' }] });
      const again = await append({ records: [{ key: 'a' }, { key: 'b' }] });
      expect(again).toEqual({
        acceptedCount: 0,
        duplicateCount: 2,
        maxVisibilityToken: first.maxVisibilityToken,
      });
      expect(await append({ records: [{ key: 'a' }] })).toEqual({
        acceptedCount: 0,
        duplicateCount: 1,
        maxVisibilityToken: 1,
      });
      expect(await backend().clockOf(tenantId)).toBe(2);
      expect(await events()).toHaveLength(2);
    });

    it('leaves gaps for the duplicates of a request that has something new', async () => {
      await append({ records: [{ key: 'a' }, { key: 'b' }] });
      const mixed = await append({
        records: [{ key: 'a' }, { key: 'x' }, { key: 'b' }, { key: 'y' }, { key: 'a' }],
      });
      expect(mixed).toEqual({ acceptedCount: 2, duplicateCount: 3, maxVisibilityToken: 6 });
      expect(await backend().clockOf(tenantId)).toBe(7);
      const next = await append({ records: [{ key: 'z' }] });
      expect(next.maxVisibilityToken).toBe(8);
      expect((await events()).map(({ token, key }) => [token, key])).toEqual([
        [1, 'a'],
        [2, 'b'],
        [4, 'x'],
        [6, 'y'],
        [8, 'z'],
      ]);
    });

    it('answers the highest token, the originals of duplicates included', async () => {
      await append({ records: [{ key: 'old' }] });
      await append({ records: [{ key: 'late' }] });
      expect(await append({ records: [{ key: 'late' }, { key: 'old' }] })).toMatchObject({
        maxVisibilityToken: 2,
      });
      // A gap is never handed out: the last record is a duplicate, so the token is that of the new one before it.
      expect(await append({ records: [{ key: 'new' }, { key: 'old' }] })).toMatchObject({
        maxVisibilityToken: 3,
      });
    });

    it('treats a key that is repeated in one request like one of an earlier request', async () => {
      const ack = await append({ records: [{ key: 'a' }, { key: 'b' }, { key: 'a' }] });
      expect(ack).toEqual({ acceptedCount: 2, duplicateCount: 1, maxVisibilityToken: 2 });
      expect((await events()).map(({ token }) => token)).toEqual([1, 2]);
      await expect(append({ records: [{ key: 'c' }, { key: 'c', content: 1 }] })).rejects.toMatchObject(
        REUSED,
      );
      expect(await append({ records: [{ key: 'c' }] })).toMatchObject({ acceptedCount: 1 });
    });

    it('refuses other content under a key, and the whole request with it', async () => {
      await append({ records: [{ key: 'a' }] });
      const refused = append({ records: [{ key: 'x' }, { key: 'a', content: 1 }, { key: 'y' }] });
      await expect(refused).rejects.toMatchObject({
        ...REUSED,
        context: { record: 1, idempotency_key: 'a' },
      });
      expect(await backend().clockOf(tenantId)).toBe(1);
      expect(
        await append({
          records: [
            { key: 'x', content: 2 },
            { key: 'y', content: 2 },
          ],
        }),
      ).toMatchObject({
        acceptedCount: 2,
      });
      expect(await events()).toHaveLength(3);
    });

    it('covers records without keys by the key of the request', async () => {
      const records = [{ content: 1 }, { key: 'own', content: 2 }, { content: 3 }];
      const first = await append({ requestKey: 'r', records });
      expect(first).toEqual({ acceptedCount: 3, duplicateCount: 0, maxVisibilityToken: 3 });
      expect(await append({ requestKey: 'r', records })).toEqual({
        acceptedCount: 0,
        duplicateCount: 3,
        maxVisibilityToken: 3,
      });
      await expect(append({ requestKey: 'r', records: [{ content: 1 }] })).rejects.toMatchObject({
        ...REUSED,
        context: { idempotency_key: 'r' },
      });
      await expect(append({ requestKey: 'r', records: records.toReversed() })).rejects.toMatchObject(REUSED);
      // Only the covered records belong to the request's key.
      const other = [{ content: 1 }, { key: 'other' }, { content: 3 }];
      expect(await append({ requestKey: 'r', records: other })).toEqual({
        acceptedCount: 1,
        duplicateCount: 2,
        maxVisibilityToken: 5,
      });
      expect((await events()).map(({ token, key }) => [token, key])).toEqual([
        [1, 'r#0'],
        [2, 'own'],
        [3, 'r#2'],
        [5, 'other'],
      ]);
    });

    it('keeps the keys of records, of requests, of tables and of tenants apart', async () => {
      const records = [{ key: 'k' }];
      expect(await append({ records })).toMatchObject({ acceptedCount: 1 });
      expect(await append({ requestKey: 'k', records: [{ content: 9 }] })).toMatchObject({
        acceptedCount: 1,
      });
      expect(await append({ tableId: newTableId(), records: [{ key: 'k', content: 1 }] })).toMatchObject({
        acceptedCount: 1,
      });
      const otherTenant = await backend().createTenant();
      expect(await append({ tenantId: otherTenant, tableId: newTableId(), records })).toEqual({
        acceptedCount: 1,
        duplicateCount: 0,
        maxVisibilityToken: 1,
      });
    });

    it('takes keys of 1 and of 512 bytes and of all planes of Unicode', async () => {
      const keys = [
        ...SAMPLES,
        'x'.repeat(512),
        `${'x'.repeat(511)}y`,
        '😀'.repeat(128),
        `${'é'.repeat(255)}ab`,
        SAMPLES.join(''),
        ' ',
        '  ',
        'key',
        'KEY',
        'e\u0301',
      ];
      const ack = await append({ records: keys.map((key) => ({ key })) });
      expect(ack).toMatchObject({ acceptedCount: keys.length, duplicateCount: 0 });
      const requestKeys = ['q', '😀'.repeat(128), 'y'.repeat(512)];
      for (const requestKey of requestKeys) await append({ requestKey, records: [{}] });
      expect((await events()).map(({ key }) => key)).toEqual([
        ...keys,
        ...requestKeys.map((key) => `${key}#0`),
      ]);
      const found = await bus.findRecords(tableId, '24h', keys);
      expect([...found].map(([key, { visibilityToken }]) => [key, visibilityToken]).sort()).toEqual(
        keys.map((key, index) => [key, index + 1]).sort(),
      );
      expect(await append({ records: keys.map((key) => ({ key })) })).toMatchObject({ acceptedCount: 0 });
    });

    it('finds records and requests by key, and nothing where there is nothing', async () => {
      await append({ records: [{ key: 'a' }, { key: 'b' }] });
      await append({ requestKey: 'r', records: [{ key: 'c' }, {}, {}] });
      const found = await bus.findRecords(tableId, '24h', ['b', 'c', 'absent']);
      expect(Object.fromEntries([...found].map(([key, entry]) => [key, entry.visibilityToken]))).toEqual({
        b: 2,
        c: 3,
      });
      const requests = await bus.findRequests(tableId, '24h', ['a', 'r', 'absent']);
      expect(requests).toEqual(new Map([['r', { firstToken: 3, lastToken: 5, recordCount: 3 }]]));
      expect(await bus.findRecords(tableId, '24h', [])).toEqual(new Map());
      expect(await bus.findRecords(newTableId(), '24h', ['a'])).toEqual(new Map());
      expect(await bus.findRecords(tableId, '7d', ['a'])).toEqual(new Map());
    });

    it('finds keys in the generation before, too', async () => {
      const windowClass = '7d';
      await append({ windowClass, records: [{ key: 'a' }] });
      await append({ windowClass, requestKey: 'r', records: [{}] });
      await bus.rotate(windowClass);
      await append({ windowClass, records: [{ key: 'b' }] });
      expect((await bus.findRecords(tableId, windowClass, ['a', 'b'])).size).toBe(2);
      const requests = await bus.findRequests(tableId, windowClass, ['r']);
      expect(requests.get('r')).toMatchObject({ firstToken: 2 });
      expect(await append({ windowClass, records: [{ key: 'a' }, { key: 'b' }] })).toEqual({
        acceptedCount: 0,
        duplicateCount: 2,
        maxVisibilityToken: 3,
      });
      await expect(append({ windowClass, records: [{ key: 'a', content: 1 }] })).rejects.toMatchObject(
        REUSED,
      );
      await bus.rotate(windowClass);
      // Two generations on, the window of `a` is over and that of `b` is not.
      expect(await append({ windowClass, records: [{ key: 'a', content: 1 }, { key: 'b' }] })).toMatchObject({
        acceptedCount: 1,
        duplicateCount: 1,
      });
      expect((await events()).map(({ key }) => key)).toEqual(['a', 'r#0', 'b', 'a']);
    });

    it('bears rotations from several processes at once', async () => {
      const windowClass = '30d';
      const others = await Promise.all([backend().open(), backend().open()]);
      for (let round = 0; round < 3; round++) {
        await Promise.all([bus, ...others].map((one) => one.rotate(windowClass)));
        expect(await append({ windowClass, records: [{ key: `${round}` }] })).toMatchObject({
          acceptedCount: 1,
        });
        expect(await append({ windowClass, records: [{ key: `${round}` }] })).toMatchObject({
          acceptedCount: 0,
        });
      }
    });

    it('reads bodies of several generations', async () => {
      await append({ records: [{ key: 'a' }] });
      await bus.rotate('body');
      await append({ records: [{ key: 'b' }] });
      await bus.rotate('body');
      await append({ records: [{ key: 'c' }] });
      expect((await events()).map(({ key }) => key)).toEqual(['a', 'b', 'c']);
    });

    it('takes a request of 20,000 records', async () => {
      const run = randomUUID();
      const records = Array.from({ length: 20_000 }, (_, n) => ({
        key: `${run}-${n % 19_000}`,
        payload: { n },
      }));
      // Others that come at the same time are not held up for ever, nor mixed in.
      const [large, small, after] = await Promise.all([
        append({ records }),
        append({ records: [{ key: 'small' }] }),
        append({ requestKey: run, records: records.map(({ payload }) => ({ payload })) }),
      ]);
      expect(large).toMatchObject({ acceptedCount: 19_000, duplicateCount: 1_000 });
      expect(small).toMatchObject({ acceptedCount: 1 });
      expect(after).toMatchObject({ acceptedCount: 20_000 });
      const kept = await events();
      expect(kept).toHaveLength(39_001);
      const numbers = kept.filter(({ key }) => key.startsWith(`${run}-`)).map(({ payload }) => payload);
      expect(numbers).toEqual(Array.from({ length: 19_000 }, (_, n) => ({ n })));
      expect(await append({ records: records.slice(0, 500) })).toMatchObject({
        acceptedCount: 0,
        duplicateCount: 500,
      });
    });

    it('keeps several tables and window classes of one tenant in one order', async () => {
      const tables = [tableId, newTableId(), newTableId()];
      const acks = await Promise.all(
        Array.from({ length: 30 }, (_, n) =>
          append({
            tableId: tables[n % 3] ?? 0,
            windowClass: n % 3 === 0 ? '1h' : '24h',
            records: [
              { key: `${n}-a`, payload: n },
              { key: `${n}-b`, payload: n },
            ],
          }),
        ),
      );
      const kept = await events();
      expect(kept.map(({ token }) => token)).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
      for (const [n, ack] of acks.entries()) {
        const own = kept.filter(({ payload }) => payload === n);
        expect(own.map((event) => event.tableId)).toEqual([tables[n % 3], tables[n % 3]]);
        expect(own.at(-1)?.token).toBe(ack.maxVisibilityToken);
      }
    });
  });
}
