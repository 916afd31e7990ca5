/** `share`: the owner holds as much as is left for all others. `full`: there is not that much left for anybody. */
export type ShareRefusal = 'share' | 'full';

/**
 * A bounded amount that owners share: nobody may hold more than what stays free, so one alone gets half, n get an
 * n+1st part each, and there is always room for one more. (Dynamic thresholds, Choudhury and Hahne 1998.)
 */
export class FairShares {
  private heldByAll = 0;
  private readonly heldBy = new Map<string, number>();

  constructor(readonly max: number) {}

  get held(): number {
    return this.heldByAll;
  }

  /** Undefined when taken; then it must be given back. An owner that holds nothing is refused only when all is full. */
  take(owner: string, amount: number): ShareRefusal | undefined {
    const free = this.max - this.heldByAll;
    if (amount > free) return 'full';
    const held = this.heldBy.get(owner) ?? 0;
    if (held > 0 && held + amount > free - amount) return 'share';
    this.heldByAll += amount;
    this.heldBy.set(owner, held + amount);
    return undefined;
  }

  give(owner: string, amount: number): void {
    this.heldByAll -= amount;
    const left = (this.heldBy.get(owner) ?? 0) - amount;
    if (left > 0) this.heldBy.set(owner, left);
    else this.heldBy.delete(owner);
  }
}
