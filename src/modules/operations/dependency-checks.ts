import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Migrations, query, sql, Transactions } from '../../database/index.js';
import { Draining } from '../../http/index.js';
import { LOGGER, ReadinessRegistry, type Logger } from '../../kernel/index.js';
import { OBJECT_STORE, type ObjectStore } from '../storage/index.js';

/** Registers what every role depends on. A loop registers itself, in its own role only. */
@Injectable()
export class DependencyChecks implements OnModuleInit {
  constructor(
    @Inject(ReadinessRegistry) private readonly registry: ReadinessRegistry,
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(Migrations) private readonly migrations: Migrations,
    @Inject(OBJECT_STORE) private readonly objectStore: ObjectStore,
    @Inject(Draining) private readonly draining: Draining,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    this.registry.register('postgres', {
      for: ['all', 'ingest'],
      check: async () => {
        await this.reach('postgres', () => this.transactions.pooled((pool) => query(pool, sql`SELECT 1`)));
      },
    });
    this.registry.register('migrations', { for: ['all', 'ingest'], check: () => this.checkMigrations() });
    this.registry.register('object_store', {
      for: ['all'],
      check: (signal) => this.reach('object_store', () => this.objectStore.check(signal)),
    });
    this.registry.register('draining', { for: ['all', 'ingest'], check: () => this.checkDraining() });
  }

  private async checkMigrations(): Promise<void> {
    const pending = await this.reach('migrations', () => this.migrations.pending());
    if (pending.length > 0) throw new Error(`not applied: ${pending.join(', ')}`);
  }

  private checkDraining(): Promise<void> {
    return this.draining.active
      ? Promise.reject(new Error('this process is shutting down'))
      : Promise.resolve();
  }

  /** What failed is for the log: anyone may ask for readiness, and errors of drivers name hosts. */
  private async reach<T>(dependency: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      this.logger.debug({ err: error, dependency }, 'a readiness check failed');
      throw new Error('not reachable', { cause: error });
    }
  }
}
