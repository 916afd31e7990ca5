import type { IngestAck, IngestBus } from '../../src/modules/bus/index.js';
import { drain, eventsOfClaim, newTableId, requestOf, type RequestSketch } from '../support/bus-requests.js';
import type { SuiteContext } from './ingest-bus.suite.js';

const ANY = { maxRows: 1_000_000, maxBytes: 1 << 30 };
const BUSES = 3;

/** Several processes on one tenant. */
export function describeConcurrency({ backend }: SuiteContext): void {
  describe('concurrency', () => {
    let buses: IngestBus[];
    let tenantId: string;
    let tableId: number;
    const request = (sketch: RequestSketch) => requestOf(backend(), tenantId, tableId, sketch);
    const on = (n: number): IngestBus => {
      const bus = buses[n % buses.length];
      if (bus === undefined) throw new Error('no bus');
      return bus;
    };
    const accepted = (acks: readonly IngestAck[]): number =>
      acks.reduce((sum, ack) => sum + ack.acceptedCount, 0);

    beforeAll(async () => {
      buses = await Promise.all(Array.from({ length: BUSES }, () => backend().open()));
    });
    beforeEach(async () => {
      tenantId = await backend().createTenant();
      tableId = newTableId();
    });

    it('accepts a key once, whichever process sees it first, and all answer its token', async () => {
      for (let round = 0; round < 10; round++) {
        const acks = await Promise.all(
          Array.from({ length: 12 }, (_, n) => on(n).append(request({ records: [{ key: `k-${round}` }] }))),
        );
        expect(accepted(acks)).toBe(1);
        expect(new Set(acks.map((ack) => ack.maxVisibilityToken))).toEqual(new Set([round + 1]));
      }
      expect(await drain(backend(), on(0), tenantId)).toHaveLength(10);
    });

    it('accepts a request key once across processes', async () => {
      const records = [{ content: 1 }, { content: 2 }];
      const acks = await Promise.all(
        Array.from({ length: 12 }, (_, n) => on(n).append(request({ requestKey: 'r', records }))),
      );
      expect(accepted(acks)).toBe(2);
      expect(acks.every((ack) => ack.maxVisibilityToken === 2)).toBe(true);
    });

    it('keeps one of two contents, and refuses every request with the other', async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 12 }, (_, n) =>
          on(n).append(
            request({ records: [{ key: `own-${n}` }, { key: 'k', content: Math.trunc(n / 3) % 2 }] }),
          ),
        ),
      );
      const kept = results.flatMap((result, n) => (result.status === 'fulfilled' ? [n] : []));
      expect(new Set(kept.map((n) => Math.trunc(n / 3) % 2)).size).toBe(1);
      expect(kept).toHaveLength(6);
      for (const result of results) {
        if (result.status === 'rejected')
          expect(result.reason).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
      }
      const events = await drain(backend(), on(0), tenantId);
      const owners = events.map(({ key }) => key).filter((key) => key !== 'k');
      expect(owners.toSorted()).toEqual(kept.map((n) => `own-${n}`).toSorted());
      expect(events).toHaveLength(7);
    });

    it('leaves nothing of a refused request in a group, and lets the others pass', async () => {
      await on(0).append(request({ records: [{ key: 'taken' }] }));
      const results = await Promise.allSettled(
        Array.from({ length: 30 }, (_, n) =>
          on(0).append(
            request({
              records: [{ key: `a-${n}` }, n % 5 === 2 ? { key: 'taken', content: 1 } : { key: `b-${n}` }],
            }),
          ),
        ),
      );
      results.forEach((result, n) =>
        expect([n, result.status]).toEqual([n, n % 5 === 2 ? 'rejected' : 'fulfilled']),
      );
      expect(await backend().clockOf(tenantId)).toBe(1 + 24 * 2);
      const refused = [2, 7, 12, 17, 22, 27].map((n) => `a-${n}`);
      expect((await on(1).findRecords(tableId, '24h', refused)).size).toBe(0);
      expect(await drain(backend(), on(0), tenantId)).toHaveLength(49);
    });

    it('does not stand still where processes send the same keys in opposite orders', async () => {
      const keys = Array.from({ length: 300 }, (_, n) => `k-${n}`);
      const acks = await Promise.all(
        Array.from({ length: 12 }, (_, n) => {
          const records = (n % 2 === 0 ? keys : keys.toReversed()).map((key) => ({ key }));
          return on(n).append(request({ records: [...records, { key: `own-${n}` }] }));
        }),
      );
      expect(accepted(acks)).toBe(312);
    });

    it('accepts a key once where a rotation comes between', async () => {
      const windowClass = '1h';
      for (let round = 0; round < 25; round++) {
        const keys = Array.from({ length: 6 }, (_, n) => `k-${round}-${n}`);
        const send = (n: number) =>
          Promise.all(keys.map((key) => on(n).append(request({ windowClass, records: [{ key }] }))));
        const [, ...acks] = await Promise.all([
          on(round).rotate(windowClass),
          send(round),
          send(round + 1),
          send(round + 2),
        ]);
        expect(accepted(acks.flat())).toBe(keys.length);
        expect(accepted(await send(round))).toBe(0);
      }
      expect(await drain(backend(), on(0), tenantId)).toHaveLength(150);
    });

    it('shows tokens in commit order: nothing ever appears at or below a clock that was read', async () => {
      const reader = await backend().open();
      const WRITERS = 12;
      const REQUESTS = 25;
      const LOOKS = 10;
      let acknowledged = 0;
      let writing = WRITERS;
      let looks = 0;
      const writers = Array.from({ length: WRITERS }, async (_, w) => {
        for (let n = 0; n < REQUESTS || looks < LOOKS; n++) {
          const records = Array.from({ length: 1 + ((w + n) % 4) }, (_unused, r) => ({
            key: `${w}-${n}-${r}`,
          }));
          const ack = await on(w).append(request({ tableId: tableId + (n % 2) * 1_000_000, records }));
          acknowledged = Math.max(acknowledged, ack.maxVisibilityToken);
        }
        writing -= 1;
      });
      let seen: number[] = [];
      const look = async (): Promise<void> => {
        const least = Math.max(acknowledged, await backend().clockOf(tenantId));
        // A lease that is over at once and a head that stays: each claim shows all there is.
        const claim = await reader.claim(tenantId, 'reader', ANY, 0);
        if (claim === undefined) return;
        looks += 1;
        const tokens = eventsOfClaim(claim).map(({ token }) => token);
        expect(claim.lastToken).toBeGreaterThanOrEqual(least);
        expect(tokens.slice(0, seen.length)).toEqual(seen);
        seen = tokens;
      };
      while (writing > 0) await look();
      await Promise.all(writers);
      await look();
      expect(seen.length).toBe(await backend().clockOf(tenantId));
    });
  });
}
