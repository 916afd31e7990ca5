import fc from 'fast-check';
import { record } from '../../../test/support/bus-requests.js';
import { GroupCommit, takeGroup, type PendingRequest } from './group-commit.js';
import { WINDOW_CLASSES, type IngestRequest, type WindowClass } from './ingest-bus.js';

interface Sketch {
  readonly name: number;
  readonly windowClass?: WindowClass;
  readonly records?: number;
  readonly characters?: number;
}

function requestOf(
  { windowClass = '24h', records = 1 }: Omit<Sketch, 'name'>,
  tenantId = 't',
): IngestRequest {
  const request: IngestRequest = {
    tenantId,
    tableId: 1,
    windowClass,
    schemaVersion: 1,
    catalogEpoch: 0,
    requestKey: 'r',
    records: Array.from({ length: records }, () => record({})),
    revalidate: () => Promise.resolve(request),
  };
  return request;
}

type Named = PendingRequest & { readonly name: number };

function pending(sketch: Sketch): Named {
  return {
    name: sketch.name,
    request: requestOf(sketch),
    units: [],
    characters: sketch.characters ?? 10,
    resolve: () => undefined,
    reject: () => undefined,
  };
}

const names = (requests: readonly PendingRequest[]): number[] =>
  requests.map((request) => (request as Named).name);

const MIB = 1024 * 1024;

describe('takeGroup', () => {
  it('takes everything of one class within the limits', () => {
    const { group, rest } = takeGroup([1, 2, 3].map((name) => pending({ name })));
    expect(names(group)).toEqual([1, 2, 3]);
    expect(rest).toEqual([]);
  });

  it('leaves other classes for later, in their order', () => {
    const { group, rest } = takeGroup([
      pending({ name: 1, windowClass: '1h' }),
      pending({ name: 2, windowClass: '7d' }),
      pending({ name: 3, windowClass: '1h' }),
      pending({ name: 4, windowClass: '24h' }),
    ]);
    expect(names(group)).toEqual([1, 3]);
    expect(names(rest)).toEqual([2, 4]);
  });

  it('closes at 10,000 records', () => {
    const { group, rest } = takeGroup([
      pending({ name: 1, records: 9_000 }),
      pending({ name: 2, records: 1_000 }),
      pending({ name: 3, records: 1 }),
    ]);
    expect(names(group)).toEqual([1, 2]);
    expect(names(rest)).toEqual([3]);
  });

  it('closes at 8 MiB', () => {
    const { group, rest } = takeGroup([
      pending({ name: 1, characters: 5 * MIB }),
      pending({ name: 2, characters: 3 * MIB }),
      pending({ name: 3, characters: 1 }),
    ]);
    expect(names(group)).toEqual([1, 2]);
    expect(names(rest)).toEqual([3]);
  });

  it('lets a larger request stand alone, and lets nothing of its class overtake it', () => {
    const queue = [
      pending({ name: 1 }),
      pending({ name: 2, records: 10_001 }),
      pending({ name: 3 }),
      pending({ name: 4, windowClass: '1h' }),
    ];
    const first = takeGroup(queue);
    expect(names(first.group)).toEqual([1]);
    const second = takeGroup(first.rest);
    expect(names(second.group)).toEqual([2]);
    const third = takeGroup(second.rest);
    expect(names(third.group)).toEqual([3]);
    expect(names(third.rest)).toEqual([4]);
  });

  it('empties any queue, oldest first, each class in order, within the limits', () => {
    const sketch = fc.record({
      windowClass: fc.constantFrom(...WINDOW_CLASSES),
      records: fc.constantFrom(1, 20, 4_000, 10_000, 12_000),
      characters: fc.constantFrom(1, MIB, 7 * MIB, 9 * MIB),
    });
    fc.assert(
      fc.property(fc.array(sketch, { maxLength: 12 }), (sketches) => {
        const all = sketches.map((rest, name) => pending({ name, ...rest }));
        const taken: PendingRequest[] = [];
        let queue: PendingRequest[] = all;
        while (queue.length > 0) {
          const { group, rest } = takeGroup(queue);
          expect(group[0]).toBe(queue[0]);
          expect(new Set(group.map(({ request }) => request.windowClass)).size).toBe(1);
          const records = group.reduce((sum, { request }) => sum + request.records.length, 0);
          const characters = group.reduce((sum, one) => sum + one.characters, 0);
          expect(group.length === 1 || (records <= 10_000 && characters <= 8 * MIB)).toBe(true);
          taken.push(...group);
          queue = rest;
        }
        expect([...names(taken)].sort((a, b) => a - b)).toEqual(names(all));
        for (const windowClass of WINDOW_CLASSES) {
          const ofClass = (requests: readonly PendingRequest[]) =>
            names(requests.filter(({ request }) => request.windowClass === windowClass));
          expect(ofClass(taken)).toEqual(ofClass(all));
        }
      }),
    );
  });
});

describe('GroupCommit', () => {
  /** Collects groups and settles them when told. */
  function gate(maxHeldBytes?: number) {
    const groups: PendingRequest[][] = [];
    const releases: (() => void)[] = [];
    const commit = new GroupCommit(
      (group) =>
        new Promise((done) => {
          groups.push(group);
          releases.push(() => {
            for (const one of group)
              one.resolve({ acceptedCount: 1, duplicateCount: 0, maxVisibilityToken: 1 });
            done();
          });
        }),
      maxHeldBytes,
    );
    return { commit, groups, releases };
  }

  const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('gathers requests while a group of the tenant is in flight', async () => {
    const { commit, groups, releases } = gate();
    const first = commit.submit(requestOf({}));
    await tick();
    const others = [commit.submit(requestOf({})), commit.submit(requestOf({}))];
    await tick();
    expect(groups.map((group) => group.length)).toEqual([1]);
    releases[0]?.();
    await first;
    await tick();
    expect(groups.map((group) => group.length)).toEqual([1, 2]);
    releases[1]?.();
    await Promise.all(others);
  });

  it('lets the requests of one turn join a small group, and a large one begin at once', async () => {
    const { commit, groups, releases } = gate();
    const small = [1, 60, 1].map((records) => commit.submit(requestOf({ records })));
    expect(groups).toHaveLength(0);
    await tick();
    expect(groups.map((group) => group.length)).toEqual([3]);
    const large = commit.submit(requestOf({ records: 100 }, 'other'));
    expect(groups.map((group) => group.length)).toEqual([3, 1]);
    releases.forEach((release) => release());
    await Promise.all([...small, large]);
  });

  it('does not make tenants wait for each other, and begins anew when idle', async () => {
    const { commit, groups, releases } = gate();
    const a = commit.submit(requestOf({}, 'a'));
    const b = commit.submit(requestOf({}, 'b'));
    await tick();
    expect(groups).toHaveLength(2);
    releases.forEach((release) => release());
    await Promise.all([a, b]);
    await tick();
    const again = commit.submit(requestOf({}, 'a'));
    await tick();
    expect(groups).toHaveLength(3);
    releases[2]?.();
    await again;
  });

  it('refuses a tenant more than its share, another while there is room, and counts what is settled no more', async () => {
    const one = requestOf({}).records[0]!.payload.length + 512;
    const { commit, groups, releases } = gate(4 * one);
    const held = [commit.submit(requestOf({}, 'a'))];
    await tick();
    held.push(commit.submit(requestOf({}, 'a')));
    await expect(commit.submit(requestOf({}, 'a'))).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      retryAfterMs: 1000,
    });
    held.push(commit.submit(requestOf({}, 'b')), commit.submit(requestOf({}, 'c')));
    await expect(commit.submit(requestOf({}, 'd'))).rejects.toMatchObject({ code: 'SERVER_BUSY' });
    expect(commit.heldBytes).toBe(4 * one);
    await tick();
    for (let group = 0; group < 4; group++) {
      releases[group]?.();
      await tick();
    }
    await Promise.all(held);
    expect(groups).toHaveLength(4);
    // Settled a second time, as by a commit that fails after it has answered some.
    groups[0]?.[0]?.reject(new Error('late'));
    expect(commit.heldBytes).toBe(0);
    void commit.submit(requestOf({}, 'a'));
    expect(commit.heldBytes).toBe(one);
  });
});
