import { Inject, Injectable } from '@nestjs/common';
import { settingsOf, type Settings } from '../../config/index.js';
import { raiseIncident, Transactions, type Tx } from '../../database/index.js';
import {
  BEFORE_ALL_LETTERS,
  countOpenLetters,
  purgeDeadLetters,
  type PurgedRow,
  type PurgedSlice,
} from './sql/purge-dead-letters.js';

const LETTERS_PER_STATEMENT = 1_000;
const STATEMENTS_PER_RUN = 20;

export interface DeadLetterReport {
  /** Deleted in this run, by what had become of them. */
  readonly purged: Readonly<Record<PurgedRow['state'], number>>;
  /** Neither replayed nor discarded, as of the end of the run; counted up to a million. */
  readonly open: number;
  readonly oldestOpenMs: number;
}

/**
 * Deletes dead letters that are older than their retention. One whose event the ledger still knows is kept beyond it:
 * without its dead letter a receipt would say that the event is visible. Any number of processes may run it.
 */
@Injectable()
export class DeadLetterUpkeep {
  /** Where the next run goes on, so that letters that must be kept do not stand before all others. */
  private after = BEFORE_ALL_LETTERS;

  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(settingsOf('bus')) private readonly settings: Pick<Settings['bus'], 'deadLetterRetentionMs'>,
  ) {}

  async runOnce(): Promise<DeadLetterReport> {
    const purged = { dead: 0, replayed: 0, discarded: 0 };
    for (let n = 0; n < STATEMENTS_PER_RUN; n += 1) {
      const slice = await this.transactions.write((tx) => this.purgeSlice(tx));
      for (const { state, letters } of slice.purged) purged[state] += letters;
      this.after = slice.last ?? BEFORE_ALL_LETTERS;
      if (slice.last === undefined) break;
    }
    const open = await this.transactions.pooled(countOpenLetters);
    return { purged, open: open.letters, oldestOpenMs: open.oldest_age_ms };
  }

  private async purgeSlice(tx: Tx): Promise<PurgedSlice> {
    const { deadLetterRetentionMs } = this.settings;
    const slice = await purgeDeadLetters(tx, this.after, deadLetterRetentionMs, LETTERS_PER_STATEMENT);
    for (const { tenant_id: tenantId, state, letters } of slice.purged) {
      if (state !== 'dead') continue;
      await raiseIncident(tx, {
        tenantId,
        type: 'dead_letters_purged',
        severity: 'warning',
        summary: 'dead letters that nobody had replayed or discarded were deleted for their age',
        details: { letters, retention_ms: deadLetterRetentionMs },
        actor: 'purge',
      });
    }
    return slice;
  }
}
