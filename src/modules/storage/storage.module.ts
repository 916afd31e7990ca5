import { Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { settingsOf, type Settings } from '../../config/index.js';
import { isFailpointArmed, LOGGER, type Logger } from '../../kernel/index.js';
import { CertainObjectStore } from './certain-object-store.js';
import { FailpointObjectStore } from './failpoint-object-store.js';
import { FileCache } from './file-cache.js';
import { ObjectKeys } from './object-keys.js';
import { FilesystemObjectStore } from './object-store.filesystem.js';
import { S3ObjectStore } from './object-store.s3.js';
import { SelfTestedObjectStore } from './object-store.self-tested.js';
import { OBJECT_STORE, type ObjectStore, type ObjectStoreAdapter } from './object-store.js';

type StorageSettings = Settings['storage'];

const SELF_TEST_TIMEOUT_MS = 10_000;

function createAdapter({ store, prefix }: StorageSettings): ObjectStoreAdapter {
  return store.kind === 's3' ? new S3ObjectStore(store, prefix) : new FilesystemObjectStore(store.directory);
}

@Module({
  providers: [
    {
      provide: ObjectKeys,
      inject: [settingsOf('storage')],
      useFactory: (settings: StorageSettings) => new ObjectKeys(settings.prefix),
    },
    {
      provide: SelfTestedObjectStore,
      inject: [settingsOf('storage'), ObjectKeys, LOGGER],
      useFactory: (settings: StorageSettings, keys: ObjectKeys, logger: Logger) =>
        new SelfTestedObjectStore(
          createAdapter(settings),
          {
            scratchDir: settings.cacheDir,
            newKey: () => keys.selfTestKey(),
            timeoutMs: SELF_TEST_TIMEOUT_MS,
          },
          logger,
        ),
    },
    {
      provide: OBJECT_STORE,
      inject: [SelfTestedObjectStore],
      useFactory: (store: ObjectStore) =>
        new CertainObjectStore(isFailpointArmed('store.') ? new FailpointObjectStore(store) : store),
    },
    {
      provide: FileCache,
      inject: [settingsOf('storage'), OBJECT_STORE, LOGGER],
      useFactory: (settings: StorageSettings, store: ObjectStore, logger: Logger) =>
        new FileCache(store, { directory: settings.cacheDir, maxBytes: settings.cacheMaxBytes }, logger),
    },
  ],
  exports: [OBJECT_STORE, ObjectKeys, FileCache],
})
export class StorageModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(SelfTestedObjectStore) private readonly store: SelfTestedObjectStore,
    @Inject(FileCache) private readonly cache: FileCache,
  ) {}

  /** Fails the start only where a setting is wrong: ingest goes on while the store is out of reach. */
  async onModuleInit(): Promise<void> {
    await this.store.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.cache.close();
    await this.store.close();
  }
}
