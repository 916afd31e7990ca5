export { FileCache, type CachedObject, type CacheLease } from './file-cache.js';
export { ObjectKeys, type ObjectOwner } from './object-keys.js';
export {
  OBJECT_STORE,
  type ByteRange,
  type CallOptions,
  type ListOptions,
  type ObjectDigest,
  type ObjectEntry,
  type ObjectPage,
  type ObjectStat,
  type ObjectStore,
  type PutOptions,
} from './object-store.js';
export { partitionFolder } from './partition-folder.js';
export {
  FileCacheFullError,
  InvalidObjectKeyError,
  ObjectConflictError,
  ObjectNotFoundError,
  ObjectStoreMisconfiguredError,
} from './storage.errors.js';
export { StorageModule } from './storage.module.js';
