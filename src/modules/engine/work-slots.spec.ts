import { WorkSlots } from './work-slots.js';

const slotsOf = (slots: number, more: { slotsPerKey?: number; maxWaiting?: number } = {}) =>
  new WorkSlots({ slots, maxWaiting: 10, onFull: () => new Error('full'), ...more });

describe('WorkSlots', () => {
  it('lets keys take turns, in order within a key', async () => {
    const slots = slotsOf(1);
    const order: string[] = [];
    const release = await slots.acquire('first');
    const waiting = ['a1', 'a2', 'a3', 'b1', 'c1'].map(async (name) => {
      const done = await slots.acquire(name.charAt(0));
      order.push(name);
      done();
    });
    release();
    await Promise.all(waiting);
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'a3']);
  });

  it('keeps one key from taking every slot', async () => {
    const slots = slotsOf(2, { slotsPerKey: 1 });
    await slots.acquire('a');
    let second = false;
    void slots.acquire('a').then(() => (second = true));
    const release = await slots.acquire('b');
    expect(second).toBe(false);
    release();
    await Promise.resolve();
    expect(second).toBe(false);
  });

  it('refuses beyond its queue', async () => {
    const slots = slotsOf(1, { maxWaiting: 1 });
    const release = await slots.acquire('a');
    const waiting = slots.acquire('a');
    await expect(slots.acquire('b')).rejects.toThrow('full');
    release();
    (await waiting)();
    await expect(slots.acquire('b')).resolves.toBeInstanceOf(Function);
  });

  it('forgets who gives up, and a second release', async () => {
    const slots = slotsOf(1, { maxWaiting: 1 });
    const release = await slots.acquire('a');
    const abort = new AbortController();
    const waiting = slots.acquire('a', abort.signal);
    abort.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    const next = slots.acquire('b');
    release();
    release();
    await next;
    let third = false;
    void slots.acquire('c').then(() => (third = true));
    await Promise.resolve();
    expect(third).toBe(false);
    await expect(slots.acquire('d', AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
  });
});
