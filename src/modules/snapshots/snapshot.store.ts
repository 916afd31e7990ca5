import { Injectable } from '@nestjs/common';
import { LessThan, LessThanOrEqual } from 'typeorm';
import type { Tx } from '../../database/index.js';
import { SnapshotEntity } from './snapshot.entity.js';

/** Reads of the snapshot chain. A tenant's snapshot ids grow along its chain. */
@Injectable()
export class SnapshotStore {
  find(tx: Tx, tenantId: string, snapshotId: number): Promise<SnapshotEntity | null> {
    return tx.findOneBy(SnapshotEntity, { tenantId, snapshotId });
  }

  /** The last snapshot created at or before `at`. */
  findAt(tx: Tx, tenantId: string, at: Date): Promise<SnapshotEntity | null> {
    return tx.findOne(SnapshotEntity, {
      where: { tenantId, createdAt: LessThanOrEqual(at) },
      order: { createdAt: 'DESC' },
    });
  }

  /** Newest first, those below `before` where it is given. */
  list(tx: Tx, tenantId: string, limit: number, before: number | undefined): Promise<SnapshotEntity[]> {
    return tx.find(SnapshotEntity, {
      where: { tenantId, ...(before !== undefined && { snapshotId: LessThan(before) }) },
      order: { snapshotId: 'DESC' },
      take: limit,
    });
  }
}
