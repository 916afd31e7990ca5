import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Notifications } from '../../database/index.js';

/** A file that is in the object store, and in no snapshot yet. */
export interface UploadedFile {
  readonly tableId: number;
  /** Object key. */
  readonly key: string;
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
}

type Listener = (files: readonly UploadedFile[]) => void;

/** Postgres takes less than 8000 bytes a notification. */
const MAX_PAYLOAD_BYTES = 7_900;

/**
 * Tells of the files of a commit before it is published, so that who waits for it can fetch them meanwhile. A hint: it
 * may be lost, is not sent where the files are many, and what it tells may never be published.
 */
@Injectable()
export class UploadAnnouncements implements OnModuleInit {
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(@Inject(Notifications) private readonly notifications: Notifications) {}

  onModuleInit(): void {
    this.notifications.subscribe('tidemark_uploaded', (payload) => {
      const [tenantId = ''] = payload.split(':', 1);
      const listeners = this.listeners.get(tenantId);
      const files = listeners && filesIn(payload.slice(tenantId.length + 1));
      if (files !== undefined) for (const listener of [...(listeners ?? [])]) listener(files);
    });
  }

  announce(tenantId: string, files: readonly UploadedFile[]): void {
    const told = files.map(({ tableId, key, sizeBytes, sha256 }) => [tableId, key, sizeBytes, sha256]);
    const payload = `${tenantId}:${JSON.stringify(told)}`;
    if (files.length === 0 || Buffer.byteLength(payload) > MAX_PAYLOAD_BYTES) return;
    this.notifications.notify('tidemark_uploaded', payload);
  }

  /** Answers how to stop. */
  listen(tenantId: string, listener: Listener): () => void {
    const listeners = this.listeners.get(tenantId) ?? new Set();
    this.listeners.set(tenantId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(tenantId) === listeners) this.listeners.delete(tenantId);
    };
  }
}

/** Undefined for what a process of another version may have sent. */
function filesIn(text: string): UploadedFile[] | undefined {
  try {
    return (JSON.parse(text) as [number, string, number, string][]).map(
      ([tableId, key, sizeBytes, sha256]) => ({ tableId, key, sizeBytes, sha256 }),
    );
  } catch {
    return undefined;
  }
}
