import { credentialsFile, type Credentials } from './credentials.js';

export interface Welcome {
  readonly dataDir: string;
  readonly credentials: Credentials;
  /** `Embedded.notes`. */
  readonly notes: readonly string[];
}

/** Name and columns of the table that the first start creates, so that the printed lines work. */
export const FIRST_TABLE = {
  name: 'events',
  columns: [
    { name: 'id', type: 'string' },
    { name: 'message', type: 'string' },
    { name: 'amount', type: 'double' },
  ],
} as const;

/** The text printed when the embedded service is ready. The curl lines work in any POSIX shell. */
export function welcomeText({ dataDir, credentials, notes }: Welcome): string {
  const { url, tenant, keys } = credentials;
  return [
    '',
    `Tidemark listens on ${url}`,
    ...notes,
    `Tenant "${tenant}"; its keys and the platform key are in ${credentialsFile(dataDir)}`,
    '',
    'Send an event and wait until queries see it:',
    curl(
      `${url}/v1/ingest/${FIRST_TABLE.name}`,
      keys.writer,
      ingestBody(),
      '-H "Idempotency-Key: hello-$(date +%s)"',
    ),
    '',
    'Query it:',
    curl(`${url}/v1/query`, keys.reader, {
      sql: `SELECT id, message, amount FROM ${FIRST_TABLE.name} LIMIT 10`,
    }),
    '',
    `API documentation: ${url}/docs. Stop with Ctrl-C.`,
    '',
  ].join('\n');
}

const ingestBody = () => ({
  records: [{ payload: { id: 'e-1', message: 'hello', amount: 9.5 } }],
  wait_for_visibility: true,
});

function curl(url: string, key: string, body: unknown, ...more: string[]): string {
  return [
    `curl -sS -X POST ${url}`,
    `-H 'Authorization: Bearer ${key}'`,
    "-H 'Content-Type: application/json'",
    ...more,
    `-d '${JSON.stringify(body)}'`,
  ].join(' ');
}
