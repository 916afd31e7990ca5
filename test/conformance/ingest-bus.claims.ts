import type { Claim, IngestBus } from '../../src/modules/bus/index.js';
import { drain, eventsOfClaim, newTableId, requestOf, type RequestSketch } from '../support/bus-requests.js';
import type { SuiteContext } from './ingest-bus.suite.js';

const ANY = { maxRows: 1_000_000, maxBytes: 1 << 30 };
const LEASE_MS = 60_000;
/** Over before the next statement. */
const NO_LEASE_MS = 0;

/** Leases on ranges, their fences, and the backlog. */
export function describeClaims({ backend }: SuiteContext): void {
  describe('claims', () => {
    let bus: IngestBus;
    let other: IngestBus;
    let tenantId: string;
    let tableId: number;
    let sent = 0;
    const append = (sketch: Partial<RequestSketch> = {}) =>
      bus.append(
        requestOf(backend(), tenantId, tableId, { records: [{ key: `k-${(sent += 1)}` }], ...sketch }),
      );
    const claim = (by: IngestBus = bus, leaseMs = LEASE_MS, limits = ANY) =>
      by.claim(tenantId, by === bus ? 'one' : 'two', limits, leaseMs);
    const expectClaim = async (...args: Parameters<typeof claim>): Promise<Claim> => {
      const claimed = await claim(...args);
      if (claimed === undefined) throw new Error('there was nothing to claim');
      return claimed;
    };
    const backlogOf = async (id: string) => (await bus.backlog()).find((entry) => entry.tenantId === id);

    beforeAll(async () => {
      [bus, other] = await Promise.all([backend().open(), backend().open()]);
    });
    beforeEach(async () => {
      tenantId = await backend().createTenant();
      tableId = newTableId();
    });

    it('has nothing to claim for a tenant without events, or for none at all', async () => {
      expect(await claim()).toBeUndefined();
      expect(await bus.claim('nobody', 'one', ANY, LEASE_MS)).toBeUndefined();
      expect(await backlogOf(tenantId)).toBeUndefined();
    });

    it('leases the whole range above the head, with its bodies in token order', async () => {
      const before = Date.now() - 5_000;
      await append({ tableId: newTableId(), records: [{ key: 'a' }, { key: 'b' }] });
      await append({ schemaVersion: 2 });
      await append();
      const claimed = await expectClaim();
      expect(claimed).toMatchObject({ tenantId, consumer: 'one', attempt: 1, baseToken: 0, lastToken: 4 });
      expect(claimed.batches.map((b) => [b.firstToken, b.lastToken, b.recordCount, b.schemaVersion])).toEqual(
        [
          [1, 2, 2, 1],
          [3, 3, 1, 2],
          [4, 4, 1, 1],
        ],
      );
      expect(eventsOfClaim(claimed)).toHaveLength(4);
      const times = claimed.batches.map(({ ingestedAt }) => ingestedAt.getTime());
      expect(times.toSorted((x, y) => x - y)).toEqual(times);
      expect(times[0]).toBeGreaterThan(before);
    });

    it('takes whole batches up to the limits, and one at least', async () => {
      for (const size of [3, 3, 3, 3]) {
        await append({ records: Array.from({ length: size }, () => ({ key: `k-${(sent += 1)}` })) });
      }
      const rest: Claim[] = [];
      for (const maxRows of [1, 7, 100]) {
        const claimed = await expectClaim(bus, LEASE_MS, { maxRows, maxBytes: 1 << 30 });
        rest.push(claimed);
        expect(await backend().publish(bus, claimed)).toBe(true);
      }
      expect(rest.map(({ baseToken, lastToken }) => [baseToken, lastToken])).toEqual([
        [0, 3],
        [3, 9],
        [9, 12],
      ]);
      expect(await claim()).toBeUndefined();
    });

    it('gives a range to one consumer at a time', async () => {
      await append();
      const claims = await Promise.all(Array.from({ length: 8 }, (_, n) => claim(n % 2 === 0 ? bus : other)));
      expect(claims.filter((claimed) => claimed !== undefined)).toHaveLength(1);
      expect(await claim(other)).toBeUndefined();
    });

    it('lets go on where a publication ended', async () => {
      await append();
      const first = await expectClaim();
      await append();
      expect(await claim(other)).toBeUndefined();
      expect(await backend().publish(bus, first)).toBe(true);
      const second = await expectClaim(other);
      expect(second).toMatchObject({ baseToken: 1, lastToken: 2, attempt: 1 });
      expect(second.claimId).not.toBe(first.claimId);
      expect(await backend().publish(other, second)).toBe(true);
      expect(await claim()).toBeUndefined();
    });

    it('gives an expired lease to another, and nothing works for the first any more', async () => {
      await append();
      const lost = await expectClaim(bus, NO_LEASE_MS);
      const taken = await expectClaim(other);
      expect(taken).toMatchObject({ consumer: 'two', attempt: lost.attempt + 1, baseToken: 0, lastToken: 1 });
      expect(await bus.extendLease(lost, LEASE_MS)).toBe(false);
      expect(await bus.nack(lost, 0, 'too late')).toBe(false);
      expect(await backend().fence(bus, lost)).toBe(false);
      expect(await backend().publish(bus, lost)).toBe(false);
      expect(await bus.ack(lost)).toBe(false);
      // None of it hurt the one who holds it.
      expect(await claim(bus)).toBeUndefined();
      expect(await other.extendLease(taken, LEASE_MS)).toBe(true);
      expect(await backend().publish(other, taken)).toBe(true);
      expect(await claim()).toBeUndefined();
    });

    it('gives it to one of many who ask at once', async () => {
      await append();
      const lost = await expectClaim(bus, NO_LEASE_MS);
      const claims = await Promise.all(Array.from({ length: 8 }, (_, n) => claim(n % 2 === 0 ? bus : other)));
      const taken = claims.filter((claimed) => claimed !== undefined);
      expect(taken.map(({ attempt }) => attempt)).toEqual([lost.attempt + 1]);
    });

    it('extends a lease that nobody else took, even when it is over', async () => {
      await append();
      const held = await expectClaim(bus, NO_LEASE_MS);
      expect(await bus.extendLease(held, LEASE_MS)).toBe(true);
      expect(await claim(other)).toBeUndefined();
      expect(await backend().publish(bus, held)).toBe(true);
    });

    it('lets one publication pass where two try with one claim', async () => {
      await append();
      const held = await expectClaim();
      const passed = await Promise.all([backend().publish(bus, held), backend().publish(bus, held)]);
      expect(passed.toSorted()).toEqual([false, true]);
      expect(await backend().fence(bus, held)).toBe(false);
      expect(await bus.ack(held)).toBe(true);
      expect(await bus.nack(held, 0, 'published already')).toBe(false);
    });

    it('gives back at once what is nacked without a delay, with the attempt counted', async () => {
      await append();
      const first = await expectClaim();
      expect(await bus.nack(first, 0, 'the store is away')).toBe(true);
      expect(await bus.nack(first, 0, 'again')).toBe(false);
      expect(await bus.extendLease(first, LEASE_MS)).toBe(false);
      expect(await backend().fence(bus, first)).toBe(false);
      expect(await expectClaim(other)).toMatchObject({ attempt: 2 });
    });

    it('holds back what is nacked with a delay', async () => {
      await append();
      expect(await bus.nack(await expectClaim(), 600_000, 'later')).toBe(true);
      expect(await claim(other)).toBeUndefined();
      expect(await backlogOf(tenantId)).toBeUndefined();

      tenantId = await backend().createTenant();
      await append();
      const delayMs = 120;
      const started = performance.now();
      expect(await bus.nack(await expectClaim(), delayMs, 'soon')).toBe(true);
      let again: Claim | undefined;
      while (again === undefined) again = await claim(other);
      expect(performance.now() - started).toBeGreaterThan(delayMs - 1);
      expect(again.attempt).toBe(2);
    });

    it('frees expired leases, and only those', async () => {
      await append();
      const lost = await expectClaim(bus, NO_LEASE_MS);
      const elsewhere = tenantId;
      tenantId = await backend().createTenant();
      await append();
      const held = await expectClaim();
      expect(await other.requeueExpired()).toBeGreaterThanOrEqual(1);
      expect(await other.requeueExpired()).toBe(0);
      expect(await bus.extendLease(lost, LEASE_MS)).toBe(false);
      expect(await backend().fence(bus, lost)).toBe(false);
      expect(await bus.nack(lost, 0, 'too late')).toBe(false);
      expect(await bus.extendLease(held, LEASE_MS)).toBe(true);
      expect(await backlogOf(elsewhere)).toMatchObject({ pendingEvents: 1 });
      expect(await other.claim(elsewhere, 'two', ANY, LEASE_MS)).toMatchObject({
        attempt: 2,
        consumer: 'two',
      });
    });

    it('delivers again with what came in since', async () => {
      await append();
      await expectClaim(bus, NO_LEASE_MS);
      await append();
      const taken = await expectClaim(other);
      expect(taken).toMatchObject({ baseToken: 0, lastToken: 2, attempt: 2 });
      expect(eventsOfClaim(taken)).toHaveLength(2);
    });

    it('counts what waits, by tenant, the longest waiting first', async () => {
      const tenants: string[] = [];
      for (const count of [3, 1]) {
        tenantId = await backend().createTenant();
        tenants.push(tenantId);
        for (let n = 0; n < count; n++) {
          // The second record is a duplicate: a token, but no event.
          const key = `k-${(sent += 1)}`;
          await append({ records: [{ key }, { key }] });
        }
      }
      const [first, second] = tenants as [string, string];
      const entries = (await bus.backlog()).filter((entry) => tenants.includes(entry.tenantId));
      expect(entries).toMatchObject([
        { tenantId: first, publishedToken: 0, lastToken: 6, pendingEvents: 3 },
        { tenantId: second, publishedToken: 0, lastToken: 2, pendingEvents: 1 },
      ]);
      const held = await bus.claim(first, 'one', { maxRows: 1, maxBytes: 1 }, LEASE_MS);
      if (held === undefined) throw new Error('there was nothing to claim');
      expect(entries[0]?.pendingBytes).toBe(3 * (held.batches[0]?.body.length ?? 0));
      expect(entries[0]?.oldestAgeMs).toBeGreaterThanOrEqual(entries[1]?.oldestAgeMs ?? Infinity);
      expect(await backlogOf(first)).toBeUndefined();
      await backend().publish(bus, held);
      expect(await backlogOf(first)).toMatchObject({ publishedToken: 2, lastToken: 6, pendingEvents: 2 });
      tenantId = first;
      await drain(backend(), bus, first);
      expect(await backlogOf(first)).toBeUndefined();
    });
  });
}
