import { AppError, SERVER_BUSY } from '../kernel/index.js';

/** Bounds the request bodies that this process holds in memory at once, so that many large ones cannot fill it. */
export class BodyBudget {
  private heldBytes = 0;

  constructor(private readonly maxBytes: number) {}

  /** What one request holds. Call `release` when the request is over. */
  open(): BodyHold {
    let mine = 0;
    return {
      take: (bytes) => {
        if (this.heldBytes + bytes > this.maxBytes) {
          throw new AppError(SERVER_BUSY, 'The server holds too many request bodies now.', {
            retryAfterMs: 1000,
          });
        }
        this.heldBytes += bytes;
        mine += bytes;
      },
      release: () => {
        this.heldBytes -= mine;
        mine = 0;
      },
    };
  }
}

export interface BodyHold {
  /** Throws SERVER_BUSY when the process holds too much. */
  take(bytes: number): void;
  release(): void;
}
