/** A body that is being received. */
export interface Reception {
  /** So far. */
  readonly receivedBytes: number;
  /** Called when too little came. */
  readonly giveUp: () => void;
}

/** Bytes that a body must bring in every window. */
const MIN_BYTES = 1024;

/**
 * Gives bodies up that have stalled, so that they do not hold memory until the whole request times out: one that
 * brings less than 1 KiB in a window. One timer for all, and none while there are no bodies.
 */
export class BodyPace {
  /** The bytes at the last look; undefined before the first. */
  private readonly bodies = new Map<Reception, number | undefined>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly windowMs: number) {}

  follow(reception: Reception): void {
    this.bodies.set(reception, undefined);
    this.timer ??= setInterval(() => this.look(), this.windowMs).unref();
  }

  forget(reception: Reception): void {
    this.bodies.delete(reception);
  }

  private look(): void {
    if (this.bodies.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
    for (const [reception, before] of this.bodies) {
      if (before !== undefined && reception.receivedBytes - before < MIN_BYTES) reception.giveUp();
      else this.bodies.set(reception, reception.receivedBytes);
    }
  }
}
