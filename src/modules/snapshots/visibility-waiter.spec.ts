import { Notifications, Transactions } from '../../database/index.js';
import { createLogger, systemClock } from '../../kernel/index.js';
import { VisibilityWaiter } from './visibility-waiter.js';

describe('waitFor', () => {
  it('takes a publication that is announced while it looks at the head, and looks no more', async () => {
    let announce: (payload: string) => void = () => undefined;
    const notifications = {
      subscribe: (_channel: string, handler: (payload: string) => void) => (announce = handler),
      notify: () => undefined,
    } as unknown as Notifications;
    let looks = 0;
    const transactions = {
      pooled: () => {
        looks += 1;
        if (looks > 1) return Promise.reject(new Error('the database is away'));
        announce('acme:7:42');
        // What the head was before.
        return Promise.resolve({ publishedToken: 0, snapshotId: 1, lastToken: 7 });
      },
    } as unknown as Transactions;
    const waiter = new VisibilityWaiter(transactions, notifications, systemClock, createLogger('silent'));
    waiter.onModuleInit();
    expect(await waiter.waitFor('acme', 7, 200)).toEqual({ snapshotId: 42, watermark: 7 });
    expect(looks).toBe(1);
  });

  it('looks at the head once for all waiters of a tenant that ask at the same time', async () => {
    const notifications = { subscribe: () => undefined, notify: () => undefined } as unknown as Notifications;
    let looks = 0;
    let publishedToken = 0;
    const transactions = {
      pooled: async () => {
        looks += 1;
        const seen = publishedToken;
        await new Promise((resolve) => setImmediate(resolve));
        return { publishedToken: seen, snapshotId: 1, lastToken: 7 };
      },
    } as unknown as Transactions;
    const waiter = new VisibilityWaiter(transactions, notifications, systemClock, createLogger('silent'));
    const first = waiter.waitFor('acme', 7, 0);
    // Published after the first look began: those who ask now must see it.
    publishedToken = 7;
    const others = Array.from({ length: 50 }, () => waiter.waitFor('acme', 7, 0));
    expect(await first).toBeUndefined();
    expect(await Promise.all(others)).toEqual(others.map(() => ({ snapshotId: 1, watermark: 7 })));
    expect(looks).toBe(2);
  });
});
