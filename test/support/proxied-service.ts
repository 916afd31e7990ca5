import { startDatabaseProxy } from './database-proxy.js';
import type { ownBucket } from './own-bucket.js';
import { createTestDatabase } from './postgres.js';
import { TestService } from './service.js';
import { TcpProxy } from './tcp-proxy.js';

/** A service whose Postgres and object store can be taken away. */
export interface ProxiedService {
  readonly service: TestService;
  readonly postgres: TcpProxy;
  /** Where there is a bucket. */
  readonly s3: TcpProxy | undefined;
  dispose(): Promise<void>;
}

export async function startProxiedService(
  bucket: ReturnType<typeof ownBucket>,
  env: Readonly<Record<string, string>> = {},
): Promise<ProxiedService> {
  const database = await createTestDatabase();
  const { proxy: postgres, url: databaseUrl } = await startDatabaseProxy(database.url);
  const endpoint = bucket && new URL(bucket.server.endpoint);
  const s3 = endpoint && (await TcpProxy.start({ host: endpoint.hostname, port: Number(endpoint.port) }));
  const service = await TestService.start({
    databaseUrl,
    env,
    ...(bucket && {
      s3: { ...bucket, server: { ...bucket.server, endpoint: `http://127.0.0.1:${s3?.port}` } },
    }),
  });
  return {
    service,
    postgres,
    s3,
    dispose: async () => {
      try {
        await service.dispose();
      } finally {
        await postgres.close();
        await s3?.close();
        await database.drop();
      }
    },
  };
}
