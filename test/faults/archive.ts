import { createHash } from 'node:crypto';
import { finalRows } from './audit.js';
import { toSeenRow } from './events.js';
import { readHistory, type SeenRow } from './history.js';
import type { Violation } from './model/violation.js';
import { withAllTables } from './readers.js';
import type { RoundResult } from './round.js';
import type { Stack } from './stack.js';
import type { Tenant } from './world.js';

const ANSWER_MS = 30_000;

interface Kept {
  readonly tenant: Pick<Tenant, 'id' | 'key' | 'tables'>;
  readonly snapshot: number;
  readonly hash: string;
}

/** The last snapshot of every tenant of the run with a hash of its rows, to be read again when much has happened since. */
export class Archive {
  private readonly kept: Kept[] = [];

  add({ tenants, historyFile }: RoundResult): void {
    for (const entry of readHistory(historyFile)) {
      if (entry.e !== 'final') continue;
      const tenant = tenants.find(({ id }) => id === entry.tenant);
      if (tenant === undefined) continue;
      const { id, key, tables } = withAllTables(tenant);
      this.kept.push({ tenant: { id, key, tables }, snapshot: entry.snapshot, hash: hashOf(entry.rows) });
    }
  }

  get size(): number {
    return this.kept.length;
  }

  /** Reads all of them again by their ids. */
  async compare(stack: Stack): Promise<Violation[]> {
    const violations: Violation[] = [];
    for (const { tenant, snapshot, hash } of this.kept) {
      const answer = await finalRows(stack, tenant, { snapshot }, ANSWER_MS);
      if (answer === undefined)
        violations.push({
          kind: 'stuck',
          text: `snapshot ${snapshot} of ${tenant.id} could not be read again`,
        });
      else if (hashOf(answer.rows.map(toSeenRow)) !== hash)
        violations.push({
          kind: 'changed',
          text: `snapshot ${snapshot} of ${tenant.id} has other rows than before`,
        });
    }
    return violations;
  }
}

function hashOf(rows: readonly SeenRow[]): string {
  const lines = rows.map((row) => row.join(' ')).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}
