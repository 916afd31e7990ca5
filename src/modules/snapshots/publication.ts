import { randomUUID } from 'node:crypto';
import type { Tx } from '../../database/index.js';

/** Another publication came first, or the lease was lost. The work is dropped; the events are claimed again. */
export class PublicationRefused extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'PublicationRefused';
  }
}

/** What a claim holds of one table. */
export interface AppendedTable {
  readonly tableId: number;
  /** Highest token of the table's events in the range. */
  readonly maxVisibilityToken: number;
  /** How many events of the table are in the range, without the dead ones. */
  readonly eventCount: number;
  /** Ids of the pending files that were written for it; none where it is dropped. */
  readonly fileIds: readonly number[];
}

export interface AppendPublication {
  readonly tenantId: string;
  /** Drawn once an attempt: it tells after a lost reply whether the publication came through. */
  readonly publicationId: string;
  /** The range (baseToken, lastToken]. */
  readonly baseToken: number;
  readonly lastToken: number;
  readonly tables: readonly AppendedTable[];
  readonly createdBy: string;
  /** How many events of the range went to the dead letters; they are no part of the tables' counts. */
  readonly deadEvents?: number;
  /** Called first, inside the transaction and before the head is locked: writes down what is published without a file. */
  readonly setAside?: (tx: Tx) => Promise<void>;
  /** Called last, inside the transaction; false refuses the publication. */
  readonly fence: (tx: Tx) => Promise<boolean>;
}

/** A fresh publication id. */
export const newPublicationId = (): string => randomUUID();
