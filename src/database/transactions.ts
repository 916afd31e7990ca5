import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { failpoint } from '../kernel/index.js';
import { translateDatabaseError } from './database-errors.js';

/** An open transaction. Stores take it as their first argument. */
export type Tx = EntityManager;

/** Opens transactions. Never open a second one, nor call an object store or an engine, inside one. */
@Injectable()
export class Transactions {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** READ COMMITTED, read-write. Rejects with an `AppError` where the database is away. */
  async write<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return translateDatabaseError(async () => {
      const result = await this.dataSource.transaction(async (tx) => {
        const done = await work(tx);
        await failpoint('database.commit');
        return done;
      });
      await failpoint('database.committed');
      return result;
    });
  }

  /**
   * One statement that writes: a transaction of its own, without the two round trips of one. As for `write`, what
   * rejects with an `AppError` may have been committed. `work` is given the pool.
   */
  async single<T>(work: (pool: Tx) => Promise<T>): Promise<T> {
    return translateDatabaseError(async () => {
      await failpoint('database.commit');
      const result = await work(this.dataSource.manager);
      await failpoint('database.committed');
      return result;
    });
  }

  /** REPEATABLE READ, for answers that must come from one moment. */
  async read<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return translateDatabaseError(() => this.dataSource.transaction('REPEATABLE READ', work));
  }

  /** One statement, or several that need not be atomic. `work` is given the pool. */
  async pooled<T>(work: (pool: Tx) => Promise<T>): Promise<T> {
    return translateDatabaseError(() => work(this.dataSource.manager));
  }
}
