import { Inject, Injectable } from '@nestjs/common';
import { raiseIncident, Transactions } from '../../database/index.js';
import { LOGGER, type Logger } from '../../kernel/index.js';
import type { Claim } from '../bus/index.js';

/** A failure that goes on for so many attempts is an incident. */
const FROM_ATTEMPT = 3;

/** Writes one incident for what fails again and again, whatever process tries it. Never rejects. */
@Injectable()
export class FailureIncidents {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** A range that cannot be published. */
  async ofClaim(claim: Claim, cause: string): Promise<void> {
    const { tenantId, claimId, attempt, baseToken, consumer } = claim;
    const details = { claim_id: claimId, base_token: baseToken, attempt, cause };
    if (attempt >= FROM_ATTEMPT) await this.raise(tenantId, `claim-${claimId}`, details, consumer);
  }

  /** A tenant whose range cannot even be claimed. `since` names the episode. */
  async ofTenant(
    tenantId: string,
    failures: number,
    since: number,
    cause: string,
    actor: string,
  ): Promise<void> {
    const episode = `unclaimed-${actor}-${since}`;
    if (failures >= FROM_ATTEMPT) await this.raise(tenantId, episode, { failures, cause }, actor);
  }

  private async raise(tenantId: string, episode: string, details: Record<string, unknown>, actor: string) {
    try {
      await this.transactions.pooled((pool) =>
        raiseIncident(pool, {
          tenantId,
          type: 'commit_failing',
          severity: 'critical',
          summary: 'what was accepted cannot be published; it is tried again until it can',
          details,
          actor,
          episode,
        }),
      );
    } catch (error) {
      this.logger.warn({ err: error, tenantId }, 'an incident could not be written down');
    }
  }
}
