import { styleText } from 'node:util';
import { ApiClient } from './api-client.js';
import { readFlights, readWebhooks } from './datasets.js';
import { createTable, load, type Loaded } from './load.js';
import { createProgress } from './progress.js';
import { QUESTIONS } from './questions.js';
import type { ServiceAccess } from './service-access.js';
import { textTable } from './text-table.js';

interface QueryAnswer {
  readonly columns: readonly { readonly name: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly snapshot_id: number;
  readonly stats: { readonly duration_ms: number };
}

const VISIBLE_WITHIN_MS = 60_000;

/** Loads the data, waits until queries see them, asks the questions. Prints as it goes, until `signal` aborts. */
export async function showDemo(access: ServiceAccess, signal: AbortSignal): Promise<void> {
  const admin = new ApiClient(access.url, access.adminKey, signal);
  const writer = new ApiClient(access.url, access.writerKey, signal);
  const reader = new ApiClient(access.url, access.readerKey, signal);
  const progress = createProgress(process.stdout);
  let maxToken = 0;
  for (const dataset of await Promise.all([readFlights(), readWebhooks()])) {
    const isNew = await createTable(admin, dataset);
    heading(`Table ${dataset.table}${isNew ? '' : ' (there already)'}: ${dataset.source}`);
    const loaded = await load(writer, dataset, progress);
    console.log(`  ${summary(loaded)}`);
    maxToken = Math.max(maxToken, loaded.maxToken);
  }
  const waitedFrom = performance.now();
  await ask(reader, 'SELECT count(*) AS flights FROM flights', maxToken);
  console.log(
    `\nAll of it is visible to queries, ${seconds(performance.now() - waitedFrom)} after the last receipt.`,
  );
  for (const { title, sql } of QUESTIONS) {
    heading(title);
    const { columns, rows, snapshot_id, stats } = await ask(reader, sql, maxToken);
    console.log(`${styleText('dim', sql)}\n`);
    console.log(
      textTable(
        columns.map(({ name }) => name),
        rows,
      ),
    );
    console.log(
      styleText(
        'dim',
        `${rows.length} ${rows.length === 1 ? 'row' : 'rows'} from snapshot ${snapshot_id} in ${Math.round(stats.duration_ms)} ms`,
      ),
    );
  }
}

/** Names the token of the last write, so that the answer holds all that was loaded. */
function ask(reader: ApiClient, sql: string, token: number): Promise<QueryAnswer> {
  const body = { sql, min_visibility_token: token, consistency_timeout_ms: VISIBLE_WITHIN_MS };
  return reader.post<QueryAnswer>('/v1/query', { body });
}

function summary({ accepted, duplicates, seconds: took, sentBytes }: Loaded): string {
  const sent = accepted + duplicates;
  const kept =
    duplicates === 0
      ? `${count(accepted)} accepted`
      : `${count(accepted)} accepted, ${count(duplicates)} known from before`;
  const megabytes = (sentBytes / 1e6).toFixed(1);
  return `${kept} in ${took.toFixed(1)} s: ${count(sent / took)} records/s, ${megabytes} MB sent with zstd`;
}

const count = (value: number) => Math.round(value).toLocaleString('en');
const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;

function heading(text: string): void {
  console.log(`\n${styleText('bold', text)}`);
}
