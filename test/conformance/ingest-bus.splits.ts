import fc from 'fast-check';
import type { Claim, IngestBus } from '../../src/modules/bus/index.js';
import {
  drain,
  eventsOfClaim,
  newTableId,
  requestOf,
  type ReadEvent,
  type RecordSketch,
} from '../support/bus-requests.js';
import type { SuiteContext } from './ingest-bus.suite.js';

const ANY = { maxRows: 1_000, maxBytes: 1 << 30 };
const LEASE_MS = 60_000;
const REASON = 'it does not fit';

/** Ranges that are split down to an event, and records that have a token but no line. */
export function describeSplits({ backend, seed }: SuiteContext): void {
  describe('splits', () => {
    let bus: IngestBus;
    let other: IngestBus;
    let tenantId: string;
    let tableId: number;
    let sent = 0;
    const append = (records: readonly RecordSketch[], table = tableId) =>
      bus.append(requestOf(backend(), tenantId, table, { records }));
    const fresh = (count: number) => Array.from({ length: count }, () => ({ key: `k-${(sent += 1)}` }));
    const claim = async (by: IngestBus = bus, leaseMs = LEASE_MS, limits = ANY): Promise<Claim> => {
      const claimed = await by.claim(tenantId, by === bus ? 'one' : 'two', limits, leaseMs);
      if (claimed === undefined) throw new Error('there was nothing to claim');
      return claimed;
    };
    const rangeOf = ({ baseToken, lastToken }: Claim) => [baseToken, lastToken];

    beforeAll(async () => {
      [bus, other] = await Promise.all([backend().open(), backend().open()]);
    });
    beforeEach(async () => {
      tenantId = await backend().createTenant();
      tableId = newTableId();
    });

    it('bounds the next claim from the same base, inside a batch and whoever asks', async () => {
      await append(fresh(5));
      await append(fresh(5));
      const first = await claim();
      expect(rangeOf(first)).toEqual([0, 10]);
      expect(await bus.nack(first, 0, 'a fault', 7)).toBe(true);
      const second = await claim(other);
      expect(rangeOf(second)).toEqual([0, 7]);
      expect(second).toMatchObject({ claimId: first.claimId, attempt: 2 });
      const parts = second.batches.map((batch) => [
        [batch.firstToken, batch.lastToken],
        [batch.fromToken, batch.toToken],
        batch.recordCount,
      ]);
      expect(parts).toEqual([
        [[1, 5], [1, 5], 5],
        [[6, 10], [6, 7], 2],
      ]);
      expect(eventsOfClaim(second).map(({ token }) => token)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      await other.nack(second, 0, 'a fault', 1);
      expect(rangeOf(await claim())).toEqual([0, 1]);
    });

    it('keeps the bound where a claim is given back without one, or its lease runs out', async () => {
      await append(fresh(8));
      await bus.nack(await claim(), 0, 'a fault', 3);
      await bus.nack(await claim(), 0, 'the store is away');
      expect(rangeOf(await claim(bus, 0))).toEqual([0, 3]);
      expect(rangeOf(await claim(other))).toEqual([0, 3]);
    });

    it('goes on inside the batch after a publication, with twice the bound until the limits', async () => {
      await append(fresh(20));
      await bus.nack(await claim(), 0, 'a fault', 1);
      const ranges: number[][] = [];
      const events: ReadEvent[] = [];
      for (let left = 20; left > 0; left -= ranges.at(-1)?.[1] === 20 ? left : 0) {
        const claimed = await claim(ranges.length % 2 === 0 ? bus : other, LEASE_MS, { ...ANY, maxRows: 8 });
        ranges.push(rangeOf(claimed));
        events.push(...eventsOfClaim(claimed));
        expect(await backend().publish(bus, claimed)).toBe(true);
      }
      // 1, 2, 4; 8 is the limit: the batch as a whole again, the rest of it.
      expect(ranges).toEqual([
        [0, 1],
        [1, 3],
        [3, 7],
        [7, 20],
      ]);
      expect(events.map(({ token }) => token)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
      await append(fresh(3));
      expect(rangeOf(await claim())).toEqual([20, 23]);
    });

    it('publishes nothing of a range twice, where a consumer of the whole range wakes up late', async () => {
      await append(fresh(4));
      const late = await claim(bus, 0);
      await other.nack(await claim(other), 0, 'a fault', 2);
      expect(await backend().publish(other, await claim(other))).toBe(true);
      expect(await backend().publish(bus, late)).toBe(false);
      expect(await bus.nack(late, 0, 'too late', 1)).toBe(false);
      expect(rangeOf(await claim(other))).toEqual([2, 4]);
    });

    it('holds no event for a token without one, and passes it', async () => {
      // The second is a duplicate of the first: a token without a line.
      await append([{ key: 'a' }, { key: 'a' }, { key: 'b' }]);
      await bus.nack(await claim(), 0, 'a fault', 1);
      const counts: number[] = [];
      for (const expected of [1, 3]) {
        const claimed = await claim();
        expect(claimed.lastToken).toBe(expected);
        counts.push(claimed.batches.reduce((sum, batch) => sum + batch.recordCount, 0));
        eventsOfClaim(claimed);
        await backend().publish(bus, claimed);
      }
      expect(counts).toEqual([1, 1]);
    });

    it('says when the attempt before ended without a word', async () => {
      await append(fresh(1));
      expect(await claim(bus, 0)).toMatchObject({ attempt: 1, afterLostLease: false });
      const taken = await claim(other);
      expect(taken).toMatchObject({ attempt: 2, afterLostLease: true });
      await other.nack(taken, 0, 'a fault');
      expect(await claim(bus, 0)).toMatchObject({ attempt: 3, afterLostLease: false });
      await other.requeueExpired();
      expect(await claim()).toMatchObject({ attempt: 4, afterLostLease: true });
    });

    it('delivers each event once in the ranges that are published, however they are split', async () => {
      const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
      const bounds = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(sizes, bounds, async (batchSizes, splits) => {
          tenantId = await backend().createTenant();
          const tables = [newTableId(), newTableId()];
          for (const [n, size] of batchSizes.entries()) {
            const records = fresh(size);
            const repeated = n % 2 === 0 ? records.slice(0, 1) : [];
            await append([...records, ...repeated], tables[n % 2]);
          }
          const clock = await backend().clockOf(tenantId);
          const events: ReadEvent[] = [];
          for (let round = 0, base = 0; base < clock; round++) {
            const by = round % 2 === 0 ? bus : other;
            const claimed = await claim(by);
            const split = splits[round];
            if (split !== undefined && round % 3 !== 2) {
              await by.nack(claimed, 0, 'a fault', Math.min(split, claimed.lastToken - base));
              continue;
            }
            events.push(...eventsOfClaim(claimed));
            expect(await backend().publish(by, claimed)).toBe(true);
            base = claimed.lastToken;
          }
          const tokens = events.map(({ token }) => token);
          expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
          expect(events).toHaveLength(batchSizes.reduce((sum, size) => sum + size, 0));
        }),
        { seed, numRuns: 25 },
      );
    });
  });

  describe('quarantined records', () => {
    let bus: IngestBus;
    let tenantId: string;
    let tableId: number;
    const append = (records: readonly RecordSketch[], requestKey?: string) =>
      bus.append(requestOf(backend(), tenantId, tableId, { records, requestKey }));

    beforeAll(async () => {
      bus = await backend().open();
    });
    beforeEach(async () => {
      tenantId = await backend().createTenant();
      tableId = newTableId();
    });

    it('take keys and tokens as others do, but no line', async () => {
      const records = [{ key: 'a' }, { key: 'b', quarantinedFor: REASON }, { key: 'c' }];
      expect(await append(records)).toEqual({
        acceptedCount: 2,
        duplicateCount: 0,
        quarantinedCount: 1,
        maxVisibilityToken: 3,
      });
      expect(await append(records)).toEqual({ acceptedCount: 0, duplicateCount: 3, maxVisibilityToken: 3 });
      await expect(append([{ key: 'b', content: 1 }])).rejects.toMatchObject({
        code: 'IDEMPOTENCY_KEY_REUSED',
      });
      const found = await bus.findRecords(tableId, '24h', ['b']);
      expect(found.get('b')).toMatchObject({ visibilityToken: 2 });
      expect((await drain(backend(), bus, tenantId)).map(({ key, token }) => [key, token])).toEqual([
        ['a', 1],
        ['c', 3],
      ]);
    });

    it('are covered by a request key', async () => {
      const records = [{}, { quarantinedFor: REASON }];
      expect(await append(records, 'r')).toMatchObject({ acceptedCount: 1, quarantinedCount: 1 });
      expect(await append(records, 'r')).toMatchObject({ acceptedCount: 0, duplicateCount: 2 });
    });

    it('may be all that a request has: a claim without events passes them', async () => {
      expect(await append([{ key: 'a', quarantinedFor: REASON }])).toMatchObject({
        acceptedCount: 0,
        quarantinedCount: 1,
        maxVisibilityToken: 1,
      });
      expect(await drain(backend(), bus, tenantId)).toEqual([]);
      expect(await bus.claim(tenantId, 'one', ANY, LEASE_MS)).toBeUndefined();
    });

    it('leave nothing behind where their request is refused', async () => {
      await append([{ key: 'taken' }]);
      const refused = append([
        { key: 'b', quarantinedFor: REASON },
        { key: 'taken', content: 1 },
      ]);
      await expect(refused).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
      expect((await bus.findRecords(tableId, '24h', ['b'])).size).toBe(0);
      expect(await append([{ key: 'b' }])).toMatchObject({ acceptedCount: 1 });
    });
  });
}
