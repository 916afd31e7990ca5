import { AppError, FairShares, QUEUE_FULL, SERVER_BUSY, type ShareRefusal } from '../kernel/index.js';

export interface AdmissionLimits {
  /** Requests under way in the process. */
  readonly maxRequests: number;
  /** Request bodies in memory, as sent and after decompression. */
  readonly maxBodyBytes: number;
}

/** What one request holds of the process. Call `release` when it is over. */
export interface RequestHold {
  /** Takes bytes for the request's body. Throws QUEUE_FULL or SERVER_BUSY. */
  take(bytes: number): void;
  release(): void;
}

const RETRY_AFTER_MS = 1000;
const HOLD = Symbol('hold');
/** Who sent a request before anybody was asked, or without a key. */
const NOBODY = '';

interface WithHold {
  [HOLD]?: Hold;
}

/**
 * Bounds what the requests of this process hold at once: their number and the bytes of their bodies. A tenant may hold
 * no more than what stays free, so that one alone cannot keep the others out.
 */
export class Admissions {
  private readonly requests: FairShares;
  private readonly bodyBytes: FairShares;

  constructor(limits: AdmissionLimits) {
    this.requests = new FairShares(limits.maxRequests);
    this.bodyBytes = new FairShares(limits.maxBodyBytes);
  }

  /** Requests and bytes that are held now. */
  get held(): { readonly requests: number; readonly bodyBytes: number } {
    return { requests: this.requests.held, bodyBytes: this.bodyBytes.held };
  }

  /** Counts the request for `owner`. Throws QUEUE_FULL or SERVER_BUSY. At most once a request, before `holdOf`. */
  admit(request: object, owner: string, whenOver: (release: () => void) => void): void {
    refuse(this.requests.take(owner, 1), 'requests under way');
    const hold = new Hold(owner, this.bodyBytes, this.requests);
    (request as WithHold)[HOLD] = hold;
    whenOver(() => hold.release());
  }

  /** Of a request that was not admitted for anybody it is nobody's. */
  holdOf(request: object, whenOver: (release: () => void) => void): RequestHold {
    const admitted = (request as WithHold)[HOLD];
    if (admitted !== undefined) return admitted;
    const hold = new Hold(NOBODY, this.bodyBytes, undefined);
    whenOver(() => hold.release());
    return hold;
  }
}

class Hold implements RequestHold {
  private bytes = 0;
  private over = false;

  constructor(
    private readonly owner: string,
    private readonly bodyBytes: FairShares,
    private readonly requests: FairShares | undefined,
  ) {}

  take(bytes: number): void {
    if (this.over) throw new AppError(SERVER_BUSY, 'The request is over.');
    refuse(this.bodyBytes.take(this.owner, bytes), 'request bodies in memory');
    this.bytes += bytes;
  }

  release(): void {
    if (this.over) return;
    this.over = true;
    this.bodyBytes.give(this.owner, this.bytes);
    this.requests?.give(this.owner, 1);
  }
}

function refuse(refusal: ShareRefusal | undefined, what: string): void {
  if (refusal === undefined) return;
  const options = { retryAfterMs: RETRY_AFTER_MS };
  if (refusal === 'full') throw new AppError(SERVER_BUSY, `The server has too many ${what} now.`, options);
  throw new AppError(QUEUE_FULL, `The tenant has too many ${what} now.`, options);
}
