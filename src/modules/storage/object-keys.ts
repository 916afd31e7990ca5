import { randomUUID } from 'node:crypto';
import { InvalidObjectKeyError } from './storage.errors.js';

const MAX_KEY_BYTES = 1024;
const MAX_SEGMENT_BYTES = 255;
const KEY_CHARACTERS = /^[A-Za-z0-9._=/-]*$/;
const TENANT = /^[a-z0-9][a-z0-9_-]{0,127}$/;
const WRITER = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/**
 * Refuses all but segments of ASCII letters, digits, ".", "_", "=" and "-", joined by single slashes, none of them
 * "." or "..". Such a key means the same in every store, and its characters sort as its bytes do.
 */
export function assertObjectKey(key: string): void {
  assertKeyPrefix(key);
  const segments = key.split('/');
  if (segments.includes('')) throw new InvalidObjectKeyError(key, 'it has an empty segment');
  if (segments.some((s) => s.length > MAX_SEGMENT_BYTES))
    throw new InvalidObjectKeyError(key, 'a segment is too long');
}

/** As `assertObjectKey`, for the first part of a key, which may end anywhere and may be empty. */
export function assertKeyPrefix(prefix: string): void {
  if (!KEY_CHARACTERS.test(prefix))
    throw new InvalidObjectKeyError(prefix, 'it has characters that are not allowed');
  if (prefix.length > MAX_KEY_BYTES) throw new InvalidObjectKeyError(prefix, 'it is too long');
  if (prefix.startsWith('/') || prefix.includes('//'))
    throw new InvalidObjectKeyError(prefix, 'it has an empty segment');
  if (prefix.split('/').some((s) => s === '.' || s === '..')) {
    throw new InvalidObjectKeyError(prefix, 'it has a relative segment');
  }
}

/** Of which table a file is, and who writes it. */
export interface ObjectOwner {
  readonly tenantId: string;
  readonly tableId: number;
  /** The claim's id, or what stands for it where there is no claim, such as a maintenance run. */
  readonly writer: number | string;
}

/** Builds the keys of one deployment. Each call gives a new key; each key lies below its tenant's prefix. */
export class ObjectKeys {
  constructor(private readonly prefix: string) {
    assertObjectKey(prefix);
  }

  /** `folders` are segments, such as `partitionFolder` makes. */
  dataFile(owner: ObjectOwner, folders: readonly string[] = []): string {
    for (const folder of folders) {
      if (folder === '' || folder.includes('/'))
        throw new InvalidObjectKeyError(folder, 'it is not one segment');
    }
    const path = folders.map((folder) => `${folder}/`).join('');
    return this.build(owner, `${path}part-${writerOf(owner)}-${randomUUID()}.parquet`);
  }

  deleteFile(owner: ObjectOwner): string {
    return this.build(owner, `deletes/delete-${writerOf(owner)}-${randomUUID()}.parquet`);
  }

  /** Ends with a slash, so that it is no other tenant's prefix too. */
  tenantPrefix(tenantId: string): string {
    if (!TENANT.test(tenantId)) throw new InvalidObjectKeyError(tenantId, 'it is not a tenant id');
    return `${this.prefix}/${tenantId}/`;
  }

  tablePrefix(tenantId: string, tableId: number): string {
    if (!Number.isSafeInteger(tableId) || tableId < 0) {
      throw new InvalidObjectKeyError(String(tableId), 'it is not a table id');
    }
    return `${this.tenantPrefix(tenantId)}${tableId}/`;
  }

  /** Below the deployment's prefix and outside of every tenant's: no tenant id begins with a dot. */
  selfTestKey(): string {
    return `${this.prefix}/.tidemark-self-test/${randomUUID()}`;
  }

  /** Refuses a key from elsewhere, such as the catalog, that is not the tenant's. */
  assertTenantOwns(tenantId: string, key: string): void {
    assertObjectKey(key);
    if (!key.startsWith(this.tenantPrefix(tenantId))) {
      throw new InvalidObjectKeyError(key, `it is outside of the prefix of tenant ${tenantId}`);
    }
  }

  private build(owner: ObjectOwner, name: string): string {
    const key = `${this.tablePrefix(owner.tenantId, owner.tableId)}${name}`;
    this.assertTenantOwns(owner.tenantId, key);
    return key;
  }
}

function writerOf(owner: ObjectOwner): string {
  const writer = String(owner.writer);
  if (!WRITER.test(writer)) throw new InvalidObjectKeyError(writer, 'it is not the id of a writer');
  return writer;
}
