import { AppError, NOT_FOUND } from '../../src/kernel/index.js';
import type { IngestBus, IngestRequest } from '../../src/modules/bus/index.js';
import { drain, newTableId, requestOf, type RequestSketch } from '../support/bus-requests.js';
import type { SuiteContext } from './ingest-bus.suite.js';

/** Schema changes and drops that race an ingest. */
export function describeEpochs({ backend }: SuiteContext): void {
  describe('catalog epochs', () => {
    let bus: IngestBus;
    let tenantId: string;
    let tableId: number;
    const request = (sketch: RequestSketch): IngestRequest => requestOf(backend(), tenantId, tableId, sketch);

    beforeAll(async () => {
      bus = await backend().open();
    });
    beforeEach(async () => {
      tenantId = await backend().createTenant();
      tableId = newTableId();
    });

    it('validates again what was validated at an older epoch, and writes at the new one', async () => {
      const { epoch } = await backend().raiseEpoch(tenantId);
      let asked = 0;
      const stale = request({ records: [{ key: 'a', payload: 'old' }] });
      const revalidate = (): Promise<IngestRequest> => {
        asked += 1;
        return Promise.resolve({
          ...request({ records: [{ key: 'a', payload: 'new' }], schemaVersion: 2 }),
          catalogEpoch: epoch,
        });
      };
      expect(await bus.append({ ...stale, revalidate })).toMatchObject({
        acceptedCount: 1,
        maxVisibilityToken: 1,
      });
      expect(asked).toBe(1);
      expect(await drain(backend(), bus, tenantId)).toMatchObject([{ payload: 'new', schemaVersion: 2 }]);
    });

    it('takes a record that fits no more as a repeat only, and keeps nothing where its key is unknown', async () => {
      await bus.append(request({ records: [{ key: 'a', payload: 'first' }] }));
      const repeats = new Set([0]);
      const again = (...records: RequestSketch['records']) => bus.append(request({ records, repeats }));
      expect(await again({ key: 'a' })).toMatchObject({ acceptedCount: 0, duplicateCount: 1 });
      expect(await again({ key: 'a' }, { key: 'b', payload: 'new' })).toMatchObject({
        acceptedCount: 1,
        duplicateCount: 1,
        maxVisibilityToken: 3,
      });
      await expect(again({ key: 'a', content: 1 })).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
      const [lapsed, other] = await Promise.allSettled([
        bus.append(request({ records: [{ key: 'd' }, { key: 'c' }], repeats: new Set([1]) })),
        bus.append(request({ records: [{ key: 'd', payload: 'other' }] })),
      ]);
      expect(lapsed).toMatchObject({ reason: { code: 'SERVER_BUSY' } });
      expect(other).toMatchObject({ value: { acceptedCount: 1 } });
      const covered = request({ records: [{}, {}], requestKey: 'r', repeats: new Set([1]) });
      await expect(bus.append(covered)).rejects.toMatchObject({ code: 'SERVER_BUSY' });
      expect(await drain(backend(), bus, tenantId)).toMatchObject([
        { payload: 'first' },
        { payload: 'new' },
        { payload: 'other' },
      ]);
    });

    it('keeps nothing of a request whose table was dropped, and the others of its group', async () => {
      const dropped = newTableId();
      const gone = new AppError(NOT_FOUND, 'gone');
      await backend().raiseEpoch(tenantId);
      const results = await Promise.allSettled(
        Array.from({ length: 12 }, (_, n) => {
          const own = request({ records: [{ key: `k-${n}` }], ...(n % 3 === 0 && { tableId: dropped }) });
          return bus.append(n % 3 === 0 ? { ...own, revalidate: () => Promise.reject(gone) } : own);
        }),
      );
      results.forEach((result, n) => {
        if (n % 3 === 0) expect(result).toEqual({ status: 'rejected', reason: gone });
        else expect(result).toMatchObject({ status: 'fulfilled', value: { acceptedCount: 1 } });
      });
      expect(await backend().clockOf(tenantId)).toBe(8);
      const kept = await drain(backend(), bus, tenantId);
      expect(new Set(kept.map((event) => event.tableId))).toEqual(new Set([tableId]));
      expect((await bus.findRecords(dropped, '24h', ['k-0', 'k-3'])).size).toBe(0);
    });

    it('has one schema version a batch where requests of several epochs meet', async () => {
      const epochs = [0];
      for (let n = 0; n < 3; n++) epochs.push((await backend().raiseEpoch(tenantId)).epoch);
      // Version and epoch grow together here. The first request keeps the bus busy while the others gather, of which
      // the first is at the newest epoch and hides the others from the ingest function's own check.
      const at = (epoch: number, key: string): IngestRequest => ({
        ...request({ records: [{ key, payload: epoch }], schemaVersion: epoch + 1 }),
        catalogEpoch: epoch,
        revalidate: async () => at(await backend().epochOf(tenantId), key),
      });
      const acks = await Promise.all(
        Array.from({ length: 20 }, (_, n) => bus.append(at(epochs[(n + 2) % epochs.length] ?? 0, `k-${n}`))),
      );
      expect(acks.every(({ acceptedCount }) => acceptedCount === 1)).toBe(true);
      const kept = await drain(backend(), bus, tenantId);
      expect(kept).toHaveLength(20);
      for (const event of kept) expect(event).toMatchObject({ schemaVersion: 4, payload: 3 });
    });

    it('lets a request that cannot reach the epoch fail alone', async () => {
      const { epoch } = await backend().raiseEpoch(tenantId);
      const behind = request({ records: [{ key: 'a' }] });
      const stuck: IngestRequest = { ...behind, revalidate: () => Promise.resolve(behind) };
      const current: IngestRequest = { ...request({ records: [{ key: 'b' }] }), catalogEpoch: epoch };
      const first = bus.append({ ...request({ records: [{ key: 'c' }] }), catalogEpoch: epoch });
      const [refused, kept] = await Promise.allSettled([bus.append(stuck), bus.append(current)]);
      expect(await first).toMatchObject({ acceptedCount: 1 });
      expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'SERVER_BUSY' } });
      expect(kept).toMatchObject({ status: 'fulfilled', value: { acceptedCount: 1 } });
    });

    it('forgets a refusal when the request that caused it is refused itself', async () => {
      await backend().raiseEpoch(tenantId);
      const busy = bus.append(request({ records: [{ key: 'busy' }] }));
      const doomed = request({ records: [{ key: 'a' }] });
      const [first, second] = await Promise.allSettled([
        bus.append({ ...doomed, revalidate: () => Promise.reject(new AppError(NOT_FOUND, 'gone')) }),
        bus.append(request({ records: [{ key: 'a', content: 1 }] })),
      ]);
      await busy;
      expect(first).toMatchObject({ status: 'rejected', reason: { code: 'NOT_FOUND' } });
      expect(second).toMatchObject({ status: 'fulfilled', value: { acceptedCount: 1 } });
    });

    it('writes nothing under an old epoch, however the change and the writers interleave', async () => {
      const buses = [bus, await backend().open(), await backend().open()];
      const dropped = newTableId();
      let dropEpoch = Infinity;
      /** As the catalog would answer at the moment: version and epoch are read together. */
      const validated = (table: number, key: string, epoch: number): IngestRequest => ({
        ...request({ tableId: table, records: [{ key, payload: epoch }], schemaVersion: epoch + 1 }),
        catalogEpoch: epoch,
        revalidate: async () => {
          const current = await backend().epochOf(tenantId);
          if (table === dropped && current >= dropEpoch) throw new AppError(NOT_FOUND, 'gone');
          return validated(table, key, current);
        },
      });
      const changes: { epoch: number; clock: number }[] = [];
      let writing = true;
      const changer = (async () => {
        for (let n = 0; n < 12; n++) {
          if (n === 6) dropEpoch = (await backend().epochOf(tenantId)) + 1;
          changes.push(await backend().raiseEpoch(tenantId));
          await Promise.all(buses.map((one, b) => one.append(validated(tableId, `change-${n}-${b}`, 0))));
        }
        writing = false;
      })();
      const writer = async (one: IngestBus, name: number): Promise<number> => {
        let gone = 0;
        for (let n = 0; writing; n++) {
          const table = n % 2 === 0 ? tableId : dropped;
          const epoch = changes.at(-1)?.epoch ?? 0;
          if (table === dropped && epoch >= dropEpoch) continue;
          try {
            await one.append(validated(table, `${name}-${n}`, epoch));
          } catch (error) {
            expect(error).toMatchObject({ code: 'NOT_FOUND' });
            gone += 1;
          }
        }
        return gone;
      };
      await Promise.all([changer, ...buses.flatMap((one, b) => [0, 1].map((w) => writer(one, b * 2 + w)))]);

      const kept = await drain(backend(), bus, tenantId);
      expect(changes).toHaveLength(12);
      for (const event of kept) {
        const epoch = changes.filter(({ clock }) => clock < event.token).length;
        expect(event).toMatchObject({ schemaVersion: epoch + 1, payload: epoch });
        if (event.tableId === dropped) expect(epoch).toBeLessThan(dropEpoch);
      }
      expect(kept.some((event) => event.tableId === dropped)).toBe(true);
    });
  });
}
