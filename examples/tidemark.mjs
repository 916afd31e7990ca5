/* global fetch */
// What the examples share: where the service is, and one call.
import { readFileSync } from 'node:fs';

// With arguments: node examples/01-ingest-and-query.mjs <url> <key>. Without: the service that npm start started here.
const [url, key] = process.argv.length > 2 ? process.argv.slice(2) : fromCredentials();

function fromCredentials() {
  const file = `${process.env.TIDEMARK_DATA_DIR || '.tidemark'}/credentials.json`;
  const credentials = JSON.parse(readFileSync(file, 'utf8'));
  return [credentials.url, credentials.keys.admin];
}

/** Sends `body` as JSON, or as it is when it is bytes. Answers the parsed reply; throws when it is none of `expected`. */
export async function call(method, path, body, { headers = {}, expected = [200, 201, 202] } = {}) {
  const bytes = body instanceof Uint8Array;
  const answer = await fetch(url + path, {
    method,
    headers: {
      Authorization: `Bearer ${key}`,
      ...(body && !bytes && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    body: bytes || body === undefined ? body : JSON.stringify(body),
  });
  const reply = await answer.json();
  if (!expected.includes(answer.status))
    throw new Error(`${method} ${path}: ${reply.error_code}: ${reply.detail}`);
  return reply;
}

/** Creates a table; one that is there is left as it is. */
export async function createTable(table_name, columns) {
  await call('POST', '/v1/tables', { table_name, schema: { columns } }, { expected: [201, 409] });
}

/** Runs a query and prints its answer. */
export async function show(sql, more = {}) {
  const { columns, rows } = await call('POST', '/v1/query', { sql, ...more });
  console.log(sql);
  for (const row of rows) console.log(' ', Object.fromEntries(row.map((cell, i) => [columns[i].name, cell])));
  return rows;
}
