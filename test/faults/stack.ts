import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createDatabase, freePort, type Servers } from './servers.js';
import { ServiceProcess, type ServiceEnd } from './service-process.js';

export const PLATFORM_KEY = 'platform-key-of-the-harness';
/** Short, so that what a dead coordinator held is soon free again. */
export const LEASE_MS = 2_000;

export interface StackOptions {
  /** Names its database, its bucket and its folder. */
  readonly name: string;
  readonly dist: string;
  /** Where logs, data dirs and histories go. */
  readonly folder: string;
  readonly services: readonly { readonly name: string; readonly roles: string }[];
  readonly env?: Readonly<Record<string, string>>;
  /** How long a process that has stopped itself is left so; past its lease when absent. */
  readonly stoppedForMs?: number | undefined;
}

export const USUAL_SERVICES = [
  { name: 'api-1', roles: 'api' },
  { name: 'api-2', roles: 'api' },
  { name: 'coordinator-1', roles: 'coordinator' },
  { name: 'coordinator-2', roles: 'coordinator' },
  { name: 'maintenance-1', roles: 'maintenance' },
] as const;

/** Who is told when a life of a service ends. Each round puts itself there. */
export interface Ends {
  listen: (end: ServiceEnd) => void;
}

/** Service processes on a database and a bucket of their own. */
export class Stack {
  readonly servers: Servers;
  readonly options: StackOptions;
  readonly services: readonly ServiceProcess[];
  readonly databaseUrl: string;
  readonly bucket: string;
  readonly ends: Ends;
  private apiTurn = 0;

  private constructor(
    servers: Servers,
    options: StackOptions,
    place: { services: ServiceProcess[]; databaseUrl: string; bucket: string; ends: Ends },
  ) {
    this.servers = servers;
    this.options = options;
    this.services = place.services;
    this.databaseUrl = place.databaseUrl;
    this.bucket = place.bucket;
    this.ends = place.ends;
  }

  /** Resolves when every service is ready. */
  static async start(servers: Servers, options: StackOptions): Promise<Stack> {
    mkdirSync(options.folder, { recursive: true });
    const databaseUrl = await createDatabase(servers.postgres.url, options.name.replaceAll('-', '_'));
    const bucket = options.name;
    const env = {
      TIDEMARK_PLATFORM_KEY: PLATFORM_KEY,
      TIDEMARK_KEY_PEPPER: 'key-pepper-of-the-harness',
      TIDEMARK_S3_BUCKET: bucket,
      TIDEMARK_S3_ACCESS_KEY_ID: servers.s3.accessKeyId,
      TIDEMARK_S3_SECRET_ACCESS_KEY: servers.s3.secretAccessKey,
      TIDEMARK_S3_AUTO_CREATE_BUCKET: 'true',
      TIDEMARK_LEASE_MS: String(LEASE_MS),
      TIDEMARK_COMMIT_MAX_DELAY_MS: '400',
      TIDEMARK_QUERY_CONCURRENCY: '2',
      TIDEMARK_QUERY_THREADS: '1',
      TIDEMARK_QUERY_MAX_ROWS: '100000',
      TIDEMARK_SHUTDOWN_GRACE_MS: '10000',
      // Ledger windows of four minutes, and generations of bodies of nine seconds.
      TIDEMARK_WINDOW_DIVISOR: '400',
      TIDEMARK_PURGE_CRON: '*/2 * * * * *',
      // All are old enough at once, and none may go: the ledger knows their keys for longer than a round.
      TIDEMARK_DEAD_LETTER_RETENTION_MS: '1',
      ...options.env,
    };
    const ends: Ends = { listen: () => undefined };
    const services: ServiceProcess[] = [];
    for (const { name, roles } of options.services) {
      services.push(
        await ServiceProcess.create({
          name,
          roles,
          dist: options.dist,
          folder: options.folder,
          port: await freePort(),
          databaseUrl,
          s3Endpoint: servers.s3.endpoint,
          env,
          stoppedForMs: options.stoppedForMs ?? LEASE_MS + 1_500,
          onEnd: (end) => ends.listen(end),
        }),
      );
    }
    const stack = new Stack(servers, options, { services, databaseUrl, bucket, ends });
    try {
      // One first: the others find the migrations applied and the bucket there.
      for (const service of services) {
        service.start();
        if (service === services[0]) await service.untilReady();
      }
      await Promise.all(services.map((service) => service.untilReady()));
      return stack;
    } catch (error) {
      await stack.close();
      throw error;
    }
  }

  withRole(role: string): ServiceProcess[] {
    return this.services.filter(({ options }) => options.roles.split(',').includes(role));
  }

  /** The apis in turn: what one does not answer is sent to the next. */
  nextApi(): ServiceProcess {
    const apis = this.withRole('api');
    const api = apis[this.apiTurn++ % apis.length];
    if (api === undefined) throw new Error('there is no api');
    return api;
  }

  named(name: string): ServiceProcess {
    const found = this.services.find((service) => service.name === name);
    if (found === undefined) throw new Error(`there is no service ${name}`);
    return found;
  }

  /** Mends every link and wakes every process; those that are down come up without failpoints. */
  async heal(): Promise<void> {
    for (const service of this.services) {
      service.lives = [];
      service.resume();
      await service.database.mend();
      await service.objects.mend();
      service.start();
    }
  }

  historyFile(name: string): string {
    return join(this.options.folder, `${name}.ndjson`);
  }

  async close(): Promise<void> {
    await Promise.all(this.services.map((service) => service.close()));
  }
}
