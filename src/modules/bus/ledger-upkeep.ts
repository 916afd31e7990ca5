import { Inject, Injectable } from '@nestjs/common';
import { settingsOf, type Settings } from '../../config/index.js';
import { isLockTimeout, Transactions } from '../../database/index.js';
import { CLOCK, failpoint, type Clock } from '../../kernel/index.js';
import {
  CLAIM_HISTORY_MS,
  LEAVES_AHEAD,
  oldestInUse,
  WINDOW_MS,
  type GenerationClass,
} from './generations.js';
import { dropLeaf, readGenerations, readLeaves, type GenerationRow, type LeafRow } from './sql/leaves.js';
import { purgeClaims } from './sql/purge-claims.js';
import { createNextLeaves, raiseGeneration } from './sql/rotate.js';

/** Ingest waits behind a rotation or a drop for its lock: so long at most, and then breathes before the next attempt. */
const LOCK_TIMEOUT_MS = 200;
const ATTEMPTS = 3;
const PAUSE_MS = 500;
/** Where commits are slower than that, one run in so many waits longer, so that none is put off for ever. */
const PATIENT_EVERY = 10;
const PATIENT_LOCK_TIMEOUT_MS = 2_000;

const CLAIMS_PER_STATEMENT = 1_000;
const CLAIM_STATEMENTS_PER_RUN = 20;

export interface GenerationState {
  readonly className: GenerationClass;
  readonly current: number;
  /** Of the current generation. */
  readonly ageMs: number;
  readonly leaves: number;
  /** The oldest generation that has a leaf. */
  readonly oldest: number;
}

export interface UpkeepReport {
  readonly rotated: readonly GenerationClass[];
  readonly droppedLeaves: readonly string[];
  /** Old leaves that hold batches above their tenant's head. */
  readonly leavesInUse: readonly string[];
  /** What could not get its lock in time. It is tried again in the next run. */
  readonly putOff: readonly string[];
  readonly purgedClaims: number;
  /** As of the end of the run. */
  readonly generations: readonly GenerationState[];
}

/**
 * Rotates the generations of the ledger and drops what nobody needs any more. All state is in the database: any number of
 * processes may run it, and each step is none where another process has made it.
 */
@Injectable()
export class LedgerUpkeep {
  private runsPutOff = 0;

  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(settingsOf('bus')) private readonly settings: Pick<Settings['bus'], 'windowDivisor'>,
  ) {}

  async runOnce(): Promise<UpkeepReport> {
    const putOff: string[] = [];
    const rotated = await this.rotateDue(putOff);
    const drops = await this.dropOld(putOff);
    const purgedClaims = await this.purgeClaims();
    this.runsPutOff = putOff.length === 0 ? 0 : this.runsPutOff + 1;
    const { generations, leaves } = await this.read();
    return { rotated, ...drops, putOff, purgedClaims, generations: generations.map(stateWith(leaves)) };
  }

  private async rotateDue(putOff: string[]): Promise<GenerationClass[]> {
    const { generations, leaves } = await this.read();
    const rotated: GenerationClass[] = [];
    for (const { class: className, number, age_ms } of generations) {
      if (!hasLeavesAhead(className, number, leaves)) {
        await this.transactions.write((tx) => createNextLeaves(tx, className));
      }
      if (age_ms < WINDOW_MS[className] / this.settings.windowDivisor) continue;
      const fate = await this.attempt(async (timeoutMs) => this.rotate(className, number, timeoutMs));
      if (fate === 'locked') putOff.push(`rotation of ${className}`);
      else if (fate === 'raised') rotated.push(className);
    }
    return rotated;
  }

  private async rotate(
    className: GenerationClass,
    from: number,
    timeoutMs: number,
  ): Promise<'raised' | 'done' | 'locked'> {
    try {
      const raised = await this.transactions.pooled((pool) =>
        raiseGeneration(pool, className, from, timeoutMs),
      );
      await failpoint('ledger.rotated');
      return raised ? 'raised' : 'done';
    } catch (error) {
      if (isLockTimeout(error)) return 'locked';
      throw error;
    }
  }

  /** Ends at the first leaf that stays locked: ingest would wait behind the next one too. */
  private async dropOld(putOff: string[]): Promise<{ droppedLeaves: string[]; leavesInUse: string[] }> {
    const { generations, leaves } = await this.read();
    const current = new Map(generations.map((row) => [row.class, row.number]));
    const droppedLeaves: string[] = [];
    const leavesInUse: string[] = [];
    for (const leaf of leaves) {
      if (leaf.generation >= oldestInUse(leaf.class, current.get(leaf.class) ?? 0)) continue;
      const name = nameOf(leaf);
      const fate = await this.attempt((timeoutMs) =>
        this.transactions.pooled((pool) => dropLeaf(pool, leaf, timeoutMs)),
      );
      if (fate === 'in_use') leavesInUse.push(name);
      if (fate === 'dropped') {
        droppedLeaves.push(name);
        await failpoint('ledger.leaf_dropped');
      }
      if (fate === 'locked') {
        putOff.push(`drop of ${name}`);
        break;
      }
    }
    return { droppedLeaves, leavesInUse };
  }

  private async attempt<Fate extends string>(step: (lockTimeoutMs: number) => Promise<Fate>): Promise<Fate> {
    const patient = this.runsPutOff % PATIENT_EVERY === PATIENT_EVERY - 1;
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt === ATTEMPTS;
      const fate = await step(last && patient ? PATIENT_LOCK_TIMEOUT_MS : LOCK_TIMEOUT_MS);
      if (fate !== 'locked' || last) return fate;
      await this.clock.sleep(PAUSE_MS);
    }
  }

  private async purgeClaims(): Promise<number> {
    const olderThanMs = CLAIM_HISTORY_MS / this.settings.windowDivisor;
    let purged = 0;
    for (let n = 0; n < CLAIM_STATEMENTS_PER_RUN; n += 1) {
      const some = await this.transactions.pooled((pool) =>
        purgeClaims(pool, olderThanMs, CLAIMS_PER_STATEMENT),
      );
      purged += some;
      if (some < CLAIMS_PER_STATEMENT) break;
    }
    return purged;
  }

  private read(): Promise<{ generations: GenerationRow[]; leaves: LeafRow[] }> {
    return this.transactions.pooled(async (pool) => ({
      generations: await readGenerations(pool),
      leaves: await readLeaves(pool),
    }));
  }
}

const nameOf = (leaf: LeafRow): string => `${leaf.parent}_${leaf.generation}`;

function hasLeavesAhead(className: GenerationClass, current: number, leaves: readonly LeafRow[]): boolean {
  const ahead = leaves.filter((leaf) => leaf.class === className && leaf.generation > current);
  const parents = className === 'body' ? 1 : 2;
  return ahead.length >= parents * LEAVES_AHEAD;
}

const stateWith =
  (leaves: readonly LeafRow[]) =>
  (row: GenerationRow): GenerationState => {
    const own = leaves.filter((leaf) => leaf.class === row.class);
    return {
      className: row.class,
      current: row.number,
      ageMs: row.age_ms,
      leaves: own.length,
      oldest: Math.min(...own.map((leaf) => leaf.generation)),
    };
  };
