import { Inject, Injectable } from '@nestjs/common';
import { failpoint, type PartitionValues } from '../../kernel/index.js';
import { Transactions } from '../../database/index.js';
import type { Claim } from '../bus/index.js';
import type { WrittenFile } from '../engine/index.js';
import {
  DataFileStore,
  UploadAnnouncements,
  type PendingFile,
  type UploadedFile,
} from '../snapshots/index.js';
import { FileCache, OBJECT_STORE, ObjectKeys, type ObjectStore } from '../storage/index.js';

/** A file on local disk, of one table of a claim. */
export interface ClaimFile {
  readonly tableId: number;
  readonly schemaVersion: number;
  /** The tokens that it may hold. */
  readonly tokens: { readonly first: number; readonly last: number };
  /** Of a data file; `values` is null for a mix. */
  readonly partition?: {
    readonly specId: number;
    readonly values: PartitionValues | null;
    readonly folders: readonly string[];
  };
  /** Of a delete file: field ids of the primary key. */
  readonly equalityFieldIds?: readonly number[];
  readonly file: WrittenFile;
}

const UPLOADS_AT_ONCE = 8;

/** Takes the files of a claim to the object store. All have their pending rows before the first is uploaded. */
@Injectable()
export class ClaimUploads {
  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    @Inject(ObjectKeys) private readonly keys: ObjectKeys,
    @Inject(FileCache) private readonly cache: FileCache,
    @Inject(DataFileStore) private readonly dataFiles: DataFileStore,
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(UploadAnnouncements) private readonly announcements: UploadAnnouncements,
  ) {}

  /**
   * Answers the ids of the files, in their order. When it rejects no upload is under way any more. Where the claim is
   * `waitedFor` it tells what is uploaded.
   */
  async upload(
    claim: Claim,
    files: readonly ClaimFile[],
    waitedFor: boolean,
    signal: AbortSignal,
  ): Promise<number[]> {
    if (files.length === 0) return [];
    const pending = files.map((file) => this.pendingFile(claim, file));
    const rows = await this.transactions.single((pool) => this.dataFiles.insertPending(pool, pending));
    const ids = new Map(rows.map((row) => [row.path, row.fileId]));
    await failpoint('commit.pending_row');
    const queue = files.map(({ file }, index) => ({ file, key: pending[index]?.path ?? '' }));
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const uploads = Array.from({ length: Math.min(UPLOADS_AT_ONCE, queue.length) }, async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        await this.store.putFile(next.key, next.file.path, { sha256: next.file.sha256, signal: either });
        await failpoint('commit.uploaded');
        const { sizeBytes, sha256, path } = next.file;
        await this.cache.offer({ key: next.key, sizeBytes, sha256 }, path);
      }
    });
    for (const upload of uploads) upload.catch((error: unknown) => failed.abort(error));
    await Promise.allSettled(uploads);
    await Promise.all(uploads);
    if (waitedFor) this.announcements.announce(claim.tenantId, pending.map(uploadedFile));
    return pending.map(({ path }) => {
      const fileId = ids.get(path);
      if (fileId === undefined) throw new Error(`object key ${path} was drawn twice`);
      return fileId;
    });
  }

  private pendingFile(claim: Claim, local: ClaimFile): PendingFile {
    const { tenantId, claimId } = claim;
    const { tableId, schemaVersion, tokens, partition, equalityFieldIds, file } = local;
    const owner = { tenantId, tableId, writer: claimId };
    const { specId = 0, values = {}, folders = [] } = partition ?? {};
    return {
      tenantId,
      tableId,
      claimId,
      path: equalityFieldIds === undefined ? this.keys.dataFile(owner, folders) : this.keys.deleteFile(owner),
      schemaVersion,
      specId,
      partitionValues: values ?? {},
      mixedPartitions: values === null,
      recordCount: file.rowCount,
      fileSizeBytes: file.sizeBytes,
      sha256: Buffer.from(file.sha256, 'hex'),
      minVisibilityToken: tokens.first,
      maxVisibilityToken: tokens.last,
      minEventTime: file.minEventTime,
      maxEventTime: file.maxEventTime,
      columnStats: file.columnStats,
      ...(equalityFieldIds !== undefined && { content: 'deletes' as const, equalityFieldIds }),
    };
  }
}

const uploadedFile = ({ tableId, path, fileSizeBytes, sha256 }: PendingFile): UploadedFile => ({
  tableId,
  key: path,
  sizeBytes: fileSizeBytes,
  sha256: sha256.toString('hex'),
});
