import { cpus } from 'node:os';
import { z } from 'zod';
import { FAILPOINT_ACTIONS, FAILPOINT_NAMES } from '../kernel/index.js';

/** One environment variable. A secret may also be given as `<name>_FILE`, a path to read it from. */
export interface Variable<T extends z.ZodType = z.ZodType> {
  readonly schema: T;
  readonly doc: string;
  /** As the documentation shows it. */
  readonly defaultText: string;
  readonly secret?: true;
}

const variable = <T extends z.ZodType>(
  schema: T,
  defaultText: string,
  doc: string,
  secret?: true,
): Variable<T> => ({ schema, doc, defaultText, ...(secret && { secret }) });

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

const integer = (min: number, max: number) =>
  z.string().regex(/^\d+$/, 'must be a whole number').transform(Number).pipe(z.number().min(min).max(max));

const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

const milliseconds = (fallback: number, min = 1) => integer(min, 86_400_000).default(fallback);
const bytes = (fallback: number, min = KIB) => integer(min, 1024 * GIB).default(fallback);

export const ROLES = ['api', 'coordinator', 'maintenance'] as const;
export type Role = (typeof ROLES)[number];

const roles = z
  .string()
  .transform((text) => [...new Set(text.split(',').map((part) => part.trim()))])
  .pipe(z.array(z.enum(ROLES)).min(1))
  .default([...ROLES]);

const FAILPOINT = /^([a-z_.]+)=([a-z]+)(?:\((\d+)\))?(?::(\d+))?(?:@(\d+))?$/;

/** Largest number of each field, from the right: day of the week, month, day, hour, minute, second. */
const CRON_MAXIMA = [7, 12, 31, 23, 59, 59];

const cron = z
  .string()
  .trim()
  .refine(isCronExpression, 'must be a cron expression of five fields, or of six with seconds first');

function isCronExpression(text: string): boolean {
  const fields = text.split(/\s+/).reverse();
  if (fields.length < 5 || fields.length > 6) return false;
  return fields.every(
    (field, n) =>
      /^(\*|\d+(-\d+)?)(\/[1-9]\d*)?(,(\*|\d+(-\d+)?)(\/[1-9]\d*)?)*$/.test(field) &&
      (field.match(/\d+/g) ?? []).every((number) => Number(number) <= (CRON_MAXIMA[n] ?? 0)),
  );
}

const failpoints = z
  .string()
  .transform((text, context) =>
    text.split(',').flatMap((part) => {
      const [, point, verb, delay, count, skip] = FAILPOINT.exec(part.trim()) ?? [];
      const name = FAILPOINT_NAMES.find((known) => known === point);
      const action = FAILPOINT_ACTIONS.find((known) => known === verb);
      if (name === undefined || action === undefined || (action === 'delay') !== (delay !== undefined)) {
        context.addIssue({ code: 'custom', message: `"${part}" is not a failpoint` });
        return [];
      }
      const delayMs = delay === undefined ? undefined : Number(delay);
      return [{ name, action, delayMs, count: Number(count ?? 1), skip: Number(skip ?? 0) }];
    }),
  )
  .default([]);

/** Every variable that Tidemark reads, in the order of the documentation. */
export const VARIABLES = {
  TIDEMARK_ROLES: variable(
    roles,
    'all three',
    'What this process does: `api`, `coordinator`, `maintenance`, separated by commas.',
  ),
  TIDEMARK_HTTP_HOST: variable(
    z.string().min(1).default('127.0.0.1'),
    '127.0.0.1 (0.0.0.0 in the image)',
    'Address to listen on.',
  ),
  TIDEMARK_HTTP_PORT: variable(
    integer(0, 65535).default(8080),
    '8080',
    'Port to listen on; 0 takes a free one.',
  ),
  TIDEMARK_DATA_DIR: variable(
    z.string().min(1).default('./.tidemark'),
    './.tidemark',
    'Folder of the embedded Postgres, the embedded objects and the caches.',
  ),
  TIDEMARK_DATABASE_URL: variable(
    z.url({ protocol: /^postgres(ql)?$/, message: 'must be a postgres:// URL' }).optional(),
    'absent: the embedded Postgres',
    'Postgres 15 or newer.',
    true,
  ),
  TIDEMARK_DATABASE_POOL_MAX: variable(
    integer(2, 1000).default(10),
    '10',
    'Connections of this process to Postgres at most.',
  ),
  TIDEMARK_S3_BUCKET: variable(
    z.string().min(3).max(63).optional(),
    'absent: a folder under the data dir',
    'Bucket of the objects.',
  ),
  TIDEMARK_S3_ENDPOINT: variable(
    z.url({ protocol: /^https?$/, message: 'must be an http(s) URL' }).optional(),
    "the region's AWS endpoint",
    'Another S3 server, such as MinIO.',
  ),
  TIDEMARK_S3_REGION: variable(z.string().min(1).default('us-east-1'), 'us-east-1', 'Region of the bucket.'),
  TIDEMARK_S3_ACCESS_KEY_ID: variable(
    z.string().min(1).optional(),
    "the SDK's own credential chain",
    'Access key. Goes with the secret.',
  ),
  TIDEMARK_S3_SECRET_ACCESS_KEY: variable(
    z.string().min(1).optional(),
    "the SDK's own credential chain",
    'Secret of the access key.',
    true,
  ),
  TIDEMARK_S3_PREFIX: variable(
    z
      .string()
      .regex(
        /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/,
        'must be segments of letters, digits, ".", "_" and "-", without slashes at its ends',
      )
      .default('tidemark'),
    'tidemark',
    'First part of every object key.',
  ),
  TIDEMARK_S3_FORCE_PATH_STYLE: variable(
    flag.default(false),
    'false, true where an endpoint is set',
    'Put the bucket into the path and not into the host name.',
  ),
  TIDEMARK_S3_AUTO_CREATE_BUCKET: variable(
    flag.default(false),
    'false',
    'Create the bucket at start when it is missing.',
  ),
  TIDEMARK_S3_CHECKSUMS: variable(
    z.enum(['when_required', 'when_supported']).default('when_required'),
    'when_required',
    'When the SDK adds its own checksums; some S3 servers refuse `when_supported`.',
  ),
  TIDEMARK_PLATFORM_KEY: variable(
    z.string().min(16).optional(),
    'embedded: made on the first start; else required by the api role',
    'Key that manages tenants.',
    true,
  ),
  TIDEMARK_KEY_PEPPER: variable(
    z.string().min(16).optional(),
    'embedded: made on the first start; else required',
    'Secret that API keys are hashed with. Changing it voids every key.',
    true,
  ),
  TIDEMARK_COMMIT_MAX_DELAY_MS: variable(
    milliseconds(1000),
    '1000',
    'Longest time that an event waits for a commit to begin.',
  ),
  TIDEMARK_COMMIT_TARGET_ROWS: variable(
    integer(1, 100_000_000).default(100_000),
    '100000',
    'Rows that start a commit before the delay is over.',
  ),
  TIDEMARK_COMMIT_TARGET_BYTES: variable(
    bytes(32 * MIB),
    '33554432',
    'Bytes of events that start a commit before the delay is over.',
  ),
  TIDEMARK_LEASE_MS: variable(
    milliseconds(30_000, 500),
    '30000',
    'How long a claim or a maintenance lease holds without being extended.',
  ),
  TIDEMARK_EXPIRED_LEASES_CRON: variable(
    cron.default('*/5 * * * * *'),
    '*/5 * * * * *',
    'When maintenance frees the claims of coordinators that died.',
  ),
  TIDEMARK_PURGE_CRON: variable(
    cron.default('*/30 * * * * *'),
    '*/30 * * * * *',
    'When maintenance rotates the ledger and drops what is no longer needed, as far as it is due.',
  ),
  TIDEMARK_DEAD_LETTER_RETENTION_MS: variable(
    integer(1, 3650 * 86_400_000).default(30 * 86_400_000),
    '2592000000',
    'How long dead letters are kept, whatever became of them, and never shorter than their keys are remembered.',
  ),
  TIDEMARK_QUERY_TIMEOUT_MS: variable(milliseconds(30_000), '30000', 'Longest run of one query.'),
  TIDEMARK_QUERY_MEMORY_BYTES: variable(bytes(GIB, 64 * MIB), '1073741824', 'Memory of one query.'),
  TIDEMARK_QUERY_CONCURRENCY: variable(
    integer(1, 1024).default(cpus().length),
    'cores',
    'Queries that run at once in this process.',
  ),
  TIDEMARK_QUERY_THREADS: variable(
    integer(1, 1024).default(cpus().length),
    'cores',
    'DuckDB threads of one query.',
  ),
  TIDEMARK_QUERY_MAX_ROWS: variable(
    integer(1, 10_000_000).default(10_000),
    '10000',
    'Rows of one answer at most.',
  ),
  TIDEMARK_QUERY_MAX_BYTES: variable(bytes(32 * MIB), '33554432', 'Bytes of one answer at most.'),
  TIDEMARK_WRITE_MEMORY_BYTES: variable(
    bytes(GIB, 64 * MIB),
    '1073741824',
    'Memory of one DuckDB child of commit and maintenance.',
  ),
  TIDEMARK_WRITE_CONCURRENCY: variable(
    integer(1, 256).default(1),
    '1',
    'DuckDB children of commit and maintenance.',
  ),
  TIDEMARK_HTTP_MAX_BODY_BYTES: variable(bytes(10 * MIB), '10485760', 'Largest request body as sent.'),
  TIDEMARK_HTTP_MAX_INFLATED_BYTES: variable(
    bytes(64 * MIB),
    '67108864',
    'Largest body of events after decompression; other calls take the limit of the body as sent.',
  ),
  TIDEMARK_HTTP_MAX_REQUESTS: variable(
    integer(2, 1_000_000).default(4096),
    '4096',
    'Requests under way at once in this process, those that wait for visibility included. A tenant may hold no more of them than stay free: one alone half. Beyond that 429, and 503 when the process is full.',
  ),
  TIDEMARK_INGEST_MAX_PENDING_EVENTS: variable(
    integer(1, Number.MAX_SAFE_INTEGER).default(10_000_000),
    '10000000',
    'Acknowledged events of a tenant that are not visible yet, where it has no quota of its own. Beyond that its writes get 429 until commits catch up.',
  ),
  TIDEMARK_CACHE_MAX_BYTES: variable(
    bytes(4 * GIB, MIB),
    '4294967296, at most half of the free disk',
    'Local cache of objects that queries read.',
  ),
  TIDEMARK_VISIBILITY_TIMEOUT_MS: variable(
    milliseconds(5000),
    '5000',
    'How long `wait_for_visibility` and `min_visibility_token` wait when the request does not say.',
  ),
  TIDEMARK_VISIBILITY_MAX_TIMEOUT_MS: variable(
    milliseconds(60_000),
    '60000',
    'Longest such wait; longer ones are cut to it.',
  ),
  TIDEMARK_UNDROP_WINDOW_MS: variable(
    integer(0, 30 * 86_400_000).default(86_400_000),
    '86400000',
    'How long a dropped table can be undropped.',
  ),
  TIDEMARK_SHUTDOWN_GRACE_MS: variable(
    milliseconds(25_000),
    '25000',
    'Time to finish what is under way after SIGTERM.',
  ),
  TIDEMARK_LOG_LEVEL: variable(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    'info',
    'Least severe level that is logged.',
  ),
  TIDEMARK_FAILPOINTS: variable(
    failpoints,
    'none',
    '`point=action[:count][@skip]`, separated by commas: kill, stop, error, unavailable, pause, delay(ms), truncate. For tests: refused where NODE_ENV is production.',
  ),
  TIDEMARK_WINDOW_DIVISOR: variable(
    integer(1, 10_000_000).default(1),
    '1',
    'Divides the idempotency windows and all else that is kept for hours. For tests: refused where NODE_ENV is production.',
  ),
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof VARIABLES;
