import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { FailpointPlan } from '../kernel/index.js';
import { VARIABLES, type Role, type Variable, type VariableName } from './variables.js';
import type { z } from 'zod';

export interface S3Settings {
  readonly kind: 's3';
  readonly bucket: string;
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly accessKeyId: string | undefined;
  readonly secretAccessKey: string | undefined;
  readonly forcePathStyle: boolean;
  readonly autoCreateBucket: boolean;
  readonly checksums: 'when_required' | 'when_supported';
}

export interface FilesystemSettings {
  readonly kind: 'filesystem';
  /** Absolute path of the folder that stands in for the bucket. */
  readonly directory: string;
}

/** All settings of a process, parsed once at boot. A module is given its slice and no more. */
export interface Settings {
  readonly roles: readonly Role[];
  /** Absolute path. */
  readonly dataDir: string;
  readonly logLevel: string;
  readonly shutdownGraceMs: number;
  readonly failpoints: readonly FailpointPlan[];
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly maxBodyBytes: number;
    readonly maxInflatedBytes: number;
    readonly maxRequests: number;
  };
  readonly database: { readonly url: string | undefined; readonly poolMax: number };
  readonly storage: {
    readonly store: S3Settings | FilesystemSettings;
    /** First segments of every object key, without slashes at its ends. */
    readonly prefix: string;
    /** Absolute path of the local file cache. */
    readonly cacheDir: string;
    readonly cacheMaxBytes: number;
  };
  readonly tenancy: { readonly platformKey: string | undefined; readonly keyPepper: string | undefined };
  /** `maxPendingEvents` is of a tenant without a quota of its own. */
  readonly ingest: { readonly maxPendingEvents: number };
  readonly commit: {
    readonly maxDelayMs: number;
    readonly targetRows: number;
    readonly targetBytes: number;
    readonly leaseMs: number;
    /** Absolute path of the folder for files on their way to the object store. */
    readonly scratchDir: string;
  };
  readonly query: {
    readonly timeoutMs: number;
    readonly maxRows: number;
    readonly maxBytes: number;
  };
  readonly engine: {
    readonly queryMemoryBytes: number;
    readonly queryConcurrency: number;
    readonly queryThreads: number;
    readonly writeMemoryBytes: number;
    readonly writeConcurrency: number;
    /** Absolute path of the folder for the children's temporary files. */
    readonly scratchDir: string;
  };
  readonly bus: {
    /** 1 but in tests: what is kept for hours is kept for this part of it. */
    readonly windowDivisor: number;
    /** At least; the divisor is not applied to it. */
    readonly deadLetterRetentionMs: number;
  };
  readonly maintenance: { readonly expiredLeasesCron: string; readonly purgeCron: string };
  readonly tables: {
    /** How long a dropped table can be undropped. Its files must be kept for as long. */
    readonly undropWindowMs: number;
  };
  readonly visibility: { readonly timeoutMs: number; readonly maxTimeoutMs: number };
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Thrown by `loadSettings`. `problems` has a line for each variable that is wrong; values are not shown. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The configuration is not valid:\n${problems.map((p) => `  - ${p}`).join('\n')}`);
    this.name = 'SettingsError';
  }
}

type Parsed = { -readonly [N in VariableName]: z.infer<(typeof VARIABLES)[N]['schema']> };

/** Parses the environment. Throws a `SettingsError` that lists every problem at once. */
export function loadSettings(env: Environment): Settings {
  const problems: string[] = [];
  const parsed: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries<Variable>(VARIABLES)) {
    const result = variable.schema.safeParse(readVariable(env, name, variable, problems));
    if (result.success) parsed[name] = result.data;
    else problems.push(`${name}: ${result.error.issues.map((issue) => issue.message).join('; ')}`);
  }
  problems.push(...unknownVariables(env));
  if (problems.length > 0) throw new SettingsError(problems);
  const values = parsed as Parsed;
  problems.push(...contradictions(values, env));
  if (problems.length > 0) throw new SettingsError(problems);
  return toSettings(values);
}

function readVariable(
  env: Environment,
  name: string,
  variable: Variable,
  problems: string[],
): string | undefined {
  const direct = env[name] === '' ? undefined : env[name];
  const file = variable.secret ? env[`${name}_FILE`] : undefined;
  if (file === undefined || file === '') return direct;
  if (direct !== undefined) {
    problems.push(`${name}: set it or ${name}_FILE, not both`);
    return undefined;
  }
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    problems.push(
      `${name}_FILE: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    );
    return undefined;
  }
}

function unknownVariables(env: Environment): string[] {
  const known = new Set(
    Object.entries<Variable>(VARIABLES).flatMap(([name, v]) => (v.secret ? [name, `${name}_FILE`] : [name])),
  );
  return Object.keys(env)
    .filter((name) => name.startsWith('TIDEMARK_') && !name.startsWith('TIDEMARK_TEST_') && !known.has(name))
    .map((name) => `${name}: there is no such setting`);
}

function contradictions(values: Parsed, env: Environment): string[] {
  const problems: string[] = [];
  const external = values.TIDEMARK_DATABASE_URL !== undefined;
  if (external && values.TIDEMARK_KEY_PEPPER === undefined) {
    problems.push('TIDEMARK_KEY_PEPPER: required with TIDEMARK_DATABASE_URL');
  }
  if (external && values.TIDEMARK_PLATFORM_KEY === undefined && values.TIDEMARK_ROLES.includes('api')) {
    problems.push('TIDEMARK_PLATFORM_KEY: required by the api role with TIDEMARK_DATABASE_URL');
  }
  if (
    (values.TIDEMARK_S3_ACCESS_KEY_ID === undefined) !==
    (values.TIDEMARK_S3_SECRET_ACCESS_KEY === undefined)
  ) {
    problems.push('TIDEMARK_S3_ACCESS_KEY_ID and TIDEMARK_S3_SECRET_ACCESS_KEY: set both or neither');
  }
  if (values.TIDEMARK_FAILPOINTS.length > 0 && env.NODE_ENV === 'production') {
    problems.push('TIDEMARK_FAILPOINTS: refused where NODE_ENV is production');
  }
  if (values.TIDEMARK_WINDOW_DIVISOR !== 1 && env.NODE_ENV === 'production') {
    problems.push('TIDEMARK_WINDOW_DIVISOR: refused where NODE_ENV is production');
  }
  if (values.TIDEMARK_VISIBILITY_TIMEOUT_MS > values.TIDEMARK_VISIBILITY_MAX_TIMEOUT_MS) {
    problems.push('TIDEMARK_VISIBILITY_TIMEOUT_MS: must not be above TIDEMARK_VISIBILITY_MAX_TIMEOUT_MS');
  }
  return problems;
}

function toSettings(values: Parsed): Settings {
  const dataDir = resolve(values.TIDEMARK_DATA_DIR);
  return {
    roles: values.TIDEMARK_ROLES,
    dataDir,
    logLevel: values.TIDEMARK_LOG_LEVEL,
    shutdownGraceMs: values.TIDEMARK_SHUTDOWN_GRACE_MS,
    failpoints: values.TIDEMARK_FAILPOINTS,
    http: {
      host: values.TIDEMARK_HTTP_HOST,
      port: values.TIDEMARK_HTTP_PORT,
      maxBodyBytes: values.TIDEMARK_HTTP_MAX_BODY_BYTES,
      maxInflatedBytes: values.TIDEMARK_HTTP_MAX_INFLATED_BYTES,
      maxRequests: values.TIDEMARK_HTTP_MAX_REQUESTS,
    },
    database: { url: values.TIDEMARK_DATABASE_URL, poolMax: values.TIDEMARK_DATABASE_POOL_MAX },
    storage: {
      store: storeSettings(values, dataDir),
      prefix: values.TIDEMARK_S3_PREFIX,
      cacheDir: resolve(dataDir, 'cache'),
      cacheMaxBytes: values.TIDEMARK_CACHE_MAX_BYTES,
    },
    tenancy: { platformKey: values.TIDEMARK_PLATFORM_KEY, keyPepper: values.TIDEMARK_KEY_PEPPER },
    ingest: { maxPendingEvents: values.TIDEMARK_INGEST_MAX_PENDING_EVENTS },
    commit: {
      maxDelayMs: values.TIDEMARK_COMMIT_MAX_DELAY_MS,
      targetRows: values.TIDEMARK_COMMIT_TARGET_ROWS,
      targetBytes: values.TIDEMARK_COMMIT_TARGET_BYTES,
      leaseMs: values.TIDEMARK_LEASE_MS,
      scratchDir: resolve(dataDir, 'scratch', 'commit'),
    },
    query: {
      timeoutMs: values.TIDEMARK_QUERY_TIMEOUT_MS,
      maxRows: values.TIDEMARK_QUERY_MAX_ROWS,
      maxBytes: values.TIDEMARK_QUERY_MAX_BYTES,
    },
    engine: {
      queryMemoryBytes: values.TIDEMARK_QUERY_MEMORY_BYTES,
      queryConcurrency: values.TIDEMARK_QUERY_CONCURRENCY,
      queryThreads: values.TIDEMARK_QUERY_THREADS,
      writeMemoryBytes: values.TIDEMARK_WRITE_MEMORY_BYTES,
      writeConcurrency: values.TIDEMARK_WRITE_CONCURRENCY,
      scratchDir: resolve(dataDir, 'scratch', 'engine'),
    },
    bus: {
      windowDivisor: values.TIDEMARK_WINDOW_DIVISOR,
      deadLetterRetentionMs: values.TIDEMARK_DEAD_LETTER_RETENTION_MS,
    },
    maintenance: {
      expiredLeasesCron: values.TIDEMARK_EXPIRED_LEASES_CRON,
      purgeCron: values.TIDEMARK_PURGE_CRON,
    },
    tables: { undropWindowMs: values.TIDEMARK_UNDROP_WINDOW_MS },
    visibility: {
      timeoutMs: values.TIDEMARK_VISIBILITY_TIMEOUT_MS,
      maxTimeoutMs: values.TIDEMARK_VISIBILITY_MAX_TIMEOUT_MS,
    },
  };
}

function storeSettings(values: Parsed, dataDir: string): S3Settings | FilesystemSettings {
  if (values.TIDEMARK_S3_BUCKET === undefined) {
    return { kind: 'filesystem', directory: resolve(dataDir, 'objects') };
  }
  return {
    kind: 's3',
    bucket: values.TIDEMARK_S3_BUCKET,
    endpoint: values.TIDEMARK_S3_ENDPOINT,
    region: values.TIDEMARK_S3_REGION,
    accessKeyId: values.TIDEMARK_S3_ACCESS_KEY_ID,
    secretAccessKey: values.TIDEMARK_S3_SECRET_ACCESS_KEY,
    forcePathStyle: values.TIDEMARK_S3_FORCE_PATH_STYLE || values.TIDEMARK_S3_ENDPOINT !== undefined,
    autoCreateBucket: values.TIDEMARK_S3_AUTO_CREATE_BUCKET,
    checksums: values.TIDEMARK_S3_CHECKSUMS,
  };
}
