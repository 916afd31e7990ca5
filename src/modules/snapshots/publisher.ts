import { Inject, Injectable } from '@nestjs/common';
import {
  CLOCK,
  DEPENDENCY_UNAVAILABLE,
  AppError,
  LOGGER,
  type Clock,
  type Logger,
} from '../../kernel/index.js';
import { Notifications, Transactions, type Tx } from '../../database/index.js';
import { PublicationRefused, type AppendPublication } from './publication.js';
import { findPublication, lockHead } from './sql/head.js';
import { publishAppend } from './sql/publish-append.js';

const LOOKUP_RETRY_MS = 500;

/** Publishes appends: the only door through which the watermark moves. */
@Injectable()
export class Publisher {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(Notifications) private readonly notifications: Notifications,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * One transaction, with the head's token compared and swapped. Rejects with `PublicationRefused` where the range is
   * not the next one any more. Where the reply to COMMIT is lost it looks the publication up until it knows, or until
   * `signal` aborts. Answers the snapshot's id.
   */
  async append(publication: AppendPublication, signal: AbortSignal): Promise<number> {
    const snapshotId = await this.attempt(publication, signal);
    const { tenantId, lastToken } = publication;
    this.notifications.notify('tidemark_published', `${tenantId}:${lastToken}:${snapshotId}`);
    return snapshotId;
  }

  private async attempt(publication: AppendPublication, signal: AbortSignal): Promise<number> {
    try {
      return await this.transactions.write((tx) => this.publish(tx, publication));
    } catch (error) {
      if (!(error instanceof AppError) || error.spec !== DEPENDENCY_UNAVAILABLE) throw error;
      const found = await this.lookUp(publication, signal);
      if (found === undefined) throw error;
      return found;
    }
  }

  private async publish(tx: Tx, publication: AppendPublication): Promise<number> {
    await publication.setAside?.(tx);
    const snapshotId = await publishAppend(tx, publication);
    if (!(await publication.fence(tx))) throw new PublicationRefused('the claim is no longer ours');
    return snapshotId;
  }

  /** After a lost reply: under the head lock the answer is final. */
  private async lookUp(publication: AppendPublication, signal: AbortSignal): Promise<number | undefined> {
    const { tenantId, publicationId } = publication;
    for (;;) {
      try {
        return await this.transactions.write(async (tx) => {
          await lockHead(tx, tenantId);
          return findPublication(tx, publicationId);
        });
      } catch (error) {
        if (signal.aborted) throw error;
        this.logger.warn(
          { err: error, tenantId, publicationId },
          'the outcome of a publication is not known yet',
        );
        await this.clock.sleep(LOOKUP_RETRY_MS, signal);
      }
    }
  }
}
