import { Schedule, type DueTenant } from './schedule.js';

const never = new AbortController().signal;
const due = (tenantId: string, oldestAgeMs: number, waitedFor = false): DueTenant => ({
  tenantId,
  oldestAgeMs,
  waitedFor,
});
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A schedule whose commits end when the test says so. */
function scheduleOf(slots: number) {
  let now = 1_000_000;
  let looksAsked = 0;
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const schedule = new Schedule({
    slots,
    clock: { now: () => now, sleep: () => Promise.resolve() },
    commit: (tenantId) => {
      started.push(tenantId);
      return new Promise((resolve) => ends.set(tenantId, resolve));
    },
    onFree: () => (looksAsked += 1),
  });
  const end = async (tenantId: string) => {
    ends.get(tenantId)?.();
    await settle();
  };
  return { schedule, started, end, looks: () => looksAsked, pass: (ms: number) => (now += ms) };
}

describe('Schedule', () => {
  it('begins with those that have waited longest, and hands each free slot on', async () => {
    const { schedule, started, end, looks } = scheduleOf(2);
    schedule.offer([due('a', 1), due('b', 30), due('c', 20), due('d', 10)], never);
    expect(started).toEqual(['b', 'c']);
    await end('c');
    await end('d');
    expect(started).toEqual(['b', 'c', 'd', 'a']);
    expect(looks()).toBe(0);
    await end('a');
    expect(looks()).toBe(1);
  });

  it('starts one ahead of the next look where a slot is free and nobody else waits for it', async () => {
    const { schedule, started, end } = scheduleOf(2);
    expect(schedule.startNow('early')).toBe(false);
    schedule.offer([], never);
    expect(schedule.startNow('a')).toBe(true);
    expect(schedule.startNow('a')).toBe(false);
    expect(schedule.startNow('b')).toBe(true);
    expect(schedule.startNow('c')).toBe(false);
    schedule.offer([due('d', 2), due('e', 1)], never);
    await end('a');
    expect(started).toEqual(['a', 'b', 'd']);
    expect(schedule.startNow('c')).toBe(false);
    await end('b');
    await end('e');
    expect(started).toEqual(['a', 'b', 'd', 'e']);
    expect(schedule.startNow('c')).toBe(true);
    const stopped = new AbortController();
    schedule.offer([], stopped.signal);
    stopped.abort();
    await end('c');
    expect(schedule.startNow('a')).toBe(false);
  });

  it('goes on beside a commit that does not end', async () => {
    const { schedule, started, end } = scheduleOf(2);
    schedule.offer([due('stuck', 9), due('a', 8), due('b', 7)], never);
    await end('a');
    await end('b');
    schedule.offer([due('stuck', 9), due('c', 1)], never);
    expect(started).toEqual(['stuck', 'a', 'b', 'c']);
  });

  it('puts a tenant behind the others after its turn, however old its events are', async () => {
    const { schedule, started, end, pass } = scheduleOf(1);
    schedule.offer([due('huge', 1_000_000)], never);
    pass(500);
    await end('huge');
    pass(10);
    schedule.offer([due('huge', 1_000_510), due('small', 400)], never);
    expect(started).toEqual(['huge', 'small']);
  });

  it('prefers those that are waited for, but passes nobody over for ever', () => {
    const first = scheduleOf(1);
    first.schedule.offer([due('old', 5_000), due('asked', 10, true)], never);
    expect(first.started).toEqual(['asked']);
    const second = scheduleOf(1);
    second.schedule.offer([due('starved', 10_001), due('asked', 10, true)], never);
    expect(second.started).toEqual(['starved']);
  });

  it('asks for a look before it uses a slot when something changed since the last', async () => {
    const { schedule, started, end, looks } = scheduleOf(1);
    schedule.offer([due('a', 2), due('b', 1)], never);
    expect(schedule.outdate()).toBe(false);
    await end('a');
    expect([started, looks()]).toEqual([['a'], 1]);
    expect(schedule.outdate()).toBe(true);
  });

  it('starts nothing more once it is aborted, and is idle when the last commit has ended', async () => {
    const { schedule, started, end } = scheduleOf(1);
    const stop = new AbortController();
    schedule.offer([due('a', 2), due('b', 1)], stop.signal);
    stop.abort();
    const idle = schedule.idle();
    await end('a');
    await idle;
    expect(started).toEqual(['a']);
  });

  it('says for how long no slot has come free', async () => {
    const { schedule, end, pass } = scheduleOf(1);
    schedule.offer([due('a', 2), due('b', 1)], never);
    pass(70);
    expect(schedule.takenUpMs).toBe(70);
    await end('a');
    pass(5);
    expect(schedule.takenUpMs).toBe(5);
    await end('b');
    expect(schedule.takenUpMs).toBe(0);
  });
});
