import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { apiDocumentYaml } from '../../src/cli/api-document.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { TestService } from '../support/service.js';
import type { ServiceClient } from '../support/service-client.js';

interface Content {
  readonly schema?: object;
  readonly examples?: { readonly example: { readonly value: unknown } };
}
interface Operation {
  readonly operationId: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly schema: { readonly example?: string | number };
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Content>> }>>;
}
interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const document = parse(await apiDocumentYaml()) as ApiDocument;
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

/** A client would not look for what the document does not name. */
const closed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, member]): [string, unknown] => [key, closed(member)]);
  return Object.fromEntries('properties' in value ? [['additionalProperties', false], ...entries] : entries);
};
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema(closed(document) as object, 'api');

const pointer = (...parts: readonly string[]): string =>
  `api#/${parts.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;

/** What the document says that the value is not. */
function misfits(value: unknown, ...place: readonly string[]): string[] {
  const validate = ajv.getSchema(pointer(...place));
  if (validate === undefined) throw new Error(`there is no schema at ${place.join(' ')}`);
  if (validate(value) === true) return [];
  const faults = validate.errors ?? [];
  return faults.map((fault) => `${fault.instancePath} ${fault.message} ${JSON.stringify(fault.params)}`);
}

let database: TestDatabase;
let service: TestService;
let client: ServiceClient;
const called = new Set<string>();

beforeAll(async () => {
  database = await createTestDatabase();
  service = await TestService.start({ databaseUrl: database.url });
  client = service.platform;
});
afterAll(async () => {
  await service.dispose();
  await database.drop();
});

interface Call {
  readonly type?: string;
  /** In place of the examples of parameters. */
  readonly params?: Readonly<Record<string, string | number>>;
  /** In place of the example of the body. */
  readonly json?: unknown;
}

/** Sends an example of the document, and sees that the answer is one that the document has. */
async function send<T>(
  operationId: string,
  { type = 'application/json', params = {}, json }: Call = {},
): Promise<T> {
  const found = operations.find(({ operation }) => operation.operationId === operationId);
  if (found === undefined) throw new Error(`there is no call ${operationId}`);
  const { path, method, operation } = found;
  called.add(operationId);
  const body = json ?? operation.requestBody?.content[type]?.examples?.example.value;
  const answer = await client.send<T>(method.toUpperCase(), urlOf(path, operation.parameters, params), {
    ...(body !== undefined && { bytes: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...(body !== undefined && { headers: { 'Content-Type': type } }),
  });
  const due = operation.responses[answer.status];
  if (due === undefined) throw new Error(`${operationId} ${answer.status}: ${JSON.stringify(answer.body)}`);
  for (const answerType of Object.keys(due.content ?? {})) {
    const place = ['paths', path, method, 'responses', String(answer.status), 'content', answerType];
    expect([operationId, answer.body, misfits(answer.body, ...place, 'schema')]).toEqual([
      operationId,
      answer.body,
      [],
    ]);
  }
  return answer.body;
}

/** With what is required, and what a call names. */
function urlOf(
  path: string,
  parameters: Operation['parameters'],
  params: NonNullable<Call['params']>,
): string {
  const url = new URL(path, 'http://service');
  for (const { name, in: where, required, schema } of parameters) {
    const value = params[name] ?? (required ? schema.example : undefined);
    if (value === undefined) continue;
    if (where === 'query') url.searchParams.set(name, String(value));
    else
      url.pathname = url.pathname.replace(encodeURIComponent(`{${name}}`), encodeURIComponent(String(value)));
  }
  return url.pathname + url.search;
}

it('bodies are what their schemas say', () => {
  const bodies = operations.flatMap(({ path, method, operation }) =>
    Object.entries(operation.requestBody?.content ?? {}).map(([type, { examples }]) => ({
      path,
      method,
      type,
      examples,
    })),
  );
  expect(bodies.length).toBeGreaterThan(10);
  for (const { path, method, type, examples } of bodies) {
    const place = ['paths', path, method, 'requestBody', 'content', type, 'schema'];
    expect([path, type, examples && misfits(examples.example.value, ...place)]).toEqual([path, type, []]);
  }
});

it('every call answers its example as it says', async () => {
  await send('getHealth');
  await send('getReadiness');
  await send('getMetrics');
  await send('createTenant');
  await send('listTenants');
  await send('getTenant');
  await send('updateTenant');
  const { key_id: issued } = await send<{ key_id: string }>('createKey');
  const roles = ['ingest_writer', 'query_reader', 'table_admin', 'ops_admin'];
  const { key } = await send<{ key: string }>('createKey', { json: { name: 'all', roles } });
  await send('listKeys');

  const platform = client;
  client = service.client(key);
  await send('getMe');
  await send('createTable');
  await send('ingest');
  await send('ingest', { type: 'application/x-ndjson' });
  expect(await send('query')).toMatchObject({ rows: [['EUR', '12.5000']] });
  await send('getReceipt', { params: { key: 'order-1001' } });
  await send('getReceipts');
  await send('inferSchema');
  await send('inferSchema', { type: 'application/x-ndjson' });
  await send('listTables');
  await send('getTable');
  await send('alterTable');
  await send('listSchemas');
  await send('getSchema');
  const { snapshots } = await send<{ snapshots: { snapshot_id: number }[] }>('listSnapshots');
  await send('getSnapshot', { params: { id: snapshots[0]?.snapshot_id ?? 0 } });

  await send('ingest', {
    params: { on_invalid: 'quarantine' },
    json: { records: [{ idempotency_key: 'wrong', payload: { order_id: 'none' } }] },
  });
  const { dead_letters: dead } = await send<{ dead_letters: { dead_letter_id: number }[] }>(
    'listDeadLetters',
  );
  const json = { ids: dead.map(({ dead_letter_id: id }) => id) };
  expect(json.ids).toHaveLength(1);
  await send('replayDeadLetters', { json });
  await send('discardDeadLetters', { json });
  await send('dropTable');
  await send('undropTable');

  client = platform;
  await send('revokeKey', { params: { key_id: issued } });
  await send('disableTenant');
  expect(operations.map(({ operation }) => operation.operationId).filter((id) => !called.has(id))).toEqual(
    [],
  );
});
