/** What a child is told when it starts, as JSON in its first argument. */
export interface ChildSetup {
  readonly threads: number;
  /** DuckDB's `memory_limit`; the operating system's limit is above it. */
  readonly memoryLimitBytes: number;
  /** Absolute path; null turns spilling off. */
  readonly tempDirectory: string | null;
  readonly maxTempBytes: number;
  /** Whom a child that runs tenants' SQL becomes before its first request; absent: it stays who it is. */
  readonly becomes?: ChildUser | undefined;
}

/** A user of the operating system, by number. */
export interface ChildUser {
  readonly uid: number;
  readonly gid: number;
}

export type ToChild =
  | { readonly kind: 'request'; readonly id: number; readonly body: unknown }
  | { readonly kind: 'cancel'; readonly id: number };

/** Why a request failed, in words that survive JSON. */
export interface Fault {
  readonly kind:
    | 'conversion'
    | 'memory'
    | 'io'
    | 'interrupted'
    | 'refused'
    | 'sql'
    | 'parameter'
    | 'too_large'
    | 'internal';
  readonly message: string;
  readonly line?: number;
  /** Facts for the client. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export type FromChild =
  | {
      readonly kind: 'ready';
      /** Address space in use, in bytes; null where the system does not say. */
      readonly addressSpaceBytes: number | null;
      /** True when the system's limit on the address space is in force. */
      readonly limited: boolean;
    }
  | { readonly kind: 'answer'; readonly id: number; readonly body: unknown }
  | { readonly kind: 'fault'; readonly id: number; readonly fault: Fault }
  /** After each reply, once the child has cleared up and is ready for the next request. Size as in `ready`. */
  | { readonly kind: 'settled'; readonly id: number; readonly addressSpaceBytes: number | null };

/** Thrown by a child's work to answer with exactly this fault. */
export class FaultError extends Error {
  constructor(readonly fault: Fault) {
    super(fault.message);
    this.name = 'FaultError';
  }
}
