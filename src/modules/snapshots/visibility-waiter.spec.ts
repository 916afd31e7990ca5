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
});
