import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

export interface DemoColumn {
  readonly name: string;
  readonly type: string;
  readonly nullable?: boolean;
  readonly doc?: string;
}

/** Real data, and the table that takes it in. */
export interface Dataset {
  readonly table: string;
  readonly columns: readonly DemoColumn[];
  /** The npm package and file it comes from. */
  readonly source: string;
  /** One NDJSON line each, as the ingest call takes them. */
  readonly lines: readonly string[];
}

/** A part of a dataset that is sent as one request. Its key is the same in every run. */
export interface Batch {
  readonly key: string;
  readonly count: number;
  readonly ndjson: Buffer;
}

interface Flight {
  readonly delay: number;
  readonly distance: number;
  readonly time: number;
}

interface WebhookDefinition {
  readonly name: string;
  readonly examples: readonly { readonly action?: unknown }[];
}

const FLIGHTS_FILE = '../data/flights-200k.json';
const WEBHOOKS_PACKAGE = '@octokit/webhooks-examples';

/** 200,000 flights: numbers only, and one key covers a whole request. */
export async function readFlights(): Promise<Dataset> {
  const file = new URL(FLIGHTS_FILE, import.meta.resolve('vega-datasets'));
  const flights = JSON.parse(await readFile(file, 'utf8')) as Flight[];
  return {
    table: 'flights',
    columns: [
      { name: 'delay', type: 'int', nullable: false, doc: 'Minutes; negative when early.' },
      { name: 'distance', type: 'int', nullable: false, doc: 'Miles.' },
      { name: 'time', type: 'double', nullable: false, doc: 'Hour of the day, with its fraction.' },
    ],
    source: 'vega-datasets, flights-200k.json',
    lines: flights.map(({ delay, distance, time }) => JSON.stringify({ payload: { delay, distance, time } })),
  };
}

/** Webhook calls of GitHub: nested payloads in a json column, and a key for each record. */
export async function readWebhooks(): Promise<Dataset> {
  const file = createRequire(import.meta.url).resolve(WEBHOOKS_PACKAGE);
  const definitions = JSON.parse(await readFile(file, 'utf8')) as WebhookDefinition[];
  return {
    table: 'webhooks',
    columns: [
      { name: 'event', type: 'string', nullable: false },
      { name: 'action', type: 'string' },
      { name: 'payload', type: 'json', nullable: false, doc: 'As GitHub sent it.' },
    ],
    source: `${WEBHOOKS_PACKAGE}, api.github.com`,
    lines: definitions.flatMap(({ name, examples }) =>
      examples.map((payload, index) =>
        JSON.stringify({
          idempotency_key: `github-${name}-${index}`,
          payload: { event: name, action: payload.action ?? null, payload },
        }),
      ),
    ),
  };
}

/** Cuts a dataset into requests of `recordsPerBatch` records. */
export function* batchesOf({ table, lines }: Dataset, recordsPerBatch: number): Generator<Batch> {
  for (let start = 0; start < lines.length; start += recordsPerBatch) {
    const part = lines.slice(start, start + recordsPerBatch);
    yield {
      key: `demo-${table}-${recordsPerBatch}-${start / recordsPerBatch}`,
      count: part.length,
      ndjson: Buffer.from(`${part.join('\n')}\n`),
    };
  }
}
