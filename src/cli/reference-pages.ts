import { readdir } from 'node:fs/promises';
import { VARIABLES, type Variable } from '../config/index.js';
import { STATUS_OF } from '../http/index.js';
import { declaredErrors, ERROR_CODES, type ErrorSpec } from '../kernel/index.js';

const GENERATED = '<!-- Generated from the code by `npm run docs`. Do not edit. -->';

/** Every code, with its status. Throws where a code is declared by no module. */
export async function errorsPage(): Promise<string> {
  await importErrorFiles();
  const specs = declaredErrors();
  const missing = ERROR_CODES.filter((code) => !specs.some((spec) => spec.code === code));
  const table = specs.map(
    (s) =>
      `| [${s.code}](#${s.code.toLowerCase()}) | ${STATUS_OF[s.code]} | ${s.retryable ? 'yes' : 'no'} | ${s.title} |`,
  );
  return lines(
    '# Errors',
    '',
    GENERATED,
    '',
    'A refusal is `application/problem+json` (RFC 9457) with these members:',
    '',
    '| member | meaning |',
    '|---|---|',
    '| `type` | where this service explains the code: `/docs/errors#CODE` |',
    '| `title` | the code in words |',
    '| `status` | the HTTP status |',
    '| `detail` | what happened, for people; the wording may change |',
    '| `instance` | path of the request |',
    '| `error_code` | for programs; codes are only ever added |',
    '| `retryable` | whether the same request may succeed later |',
    '| `context` | facts that a program can act on, such as `violations` (`[{ path, message }]`) or `max_bytes` |',
    '| `trace_id` | also the `Request-Id` header, and in the log |',
    '',
    'Where `Retry-After` is sent, wait that many seconds. HTTP itself knows refusals that are finer than our codes: a method',
    'that the path does not take is 405 with `Allow`, headers that are too large 431, a path parameter that is too long 414, a',
    'request that arrives too slowly 408, an expectation that cannot be met 417; their code is REQUEST_INVALID.',
    '',
    '| code | status | retry | title |',
    '|---|---|---|---|',
    ...table,
    '',
    ...specs.flatMap(errorSection),
    ...missing.flatMap((code) => [
      `## ${code}`,
      '',
      `Status ${STATUS_OF[code]}. Kept for later; nothing answers it yet.`,
      '',
    ]),
  );
}

function errorSection(spec: ErrorSpec): string[] {
  const nature = spec.normal ? 'A normal answer.' : 'Not normal: an operator should look into it.';
  const head = `Status ${STATUS_OF[spec.code]}. ${spec.retryable ? 'May be retried.' : 'Do not retry.'} ${nature}`;
  return [
    `## ${spec.code}`,
    '',
    `${spec.title}. ${head}`,
    '',
    `- Cause: ${spec.cause}`,
    `- What to do: ${spec.action}`,
    '',
  ];
}

/** Every environment variable. */
export function configurationPage(): string {
  const rows = Object.entries<Variable>(VARIABLES).map(([name, variable]) => {
    const secret = variable.secret ? ' Secret.' : '';
    return `| \`${name}\` | ${cell(variable.doc)}${secret} | ${cell(variable.defaultText)} |`;
  });
  return lines(
    '# Configuration',
    '',
    GENERATED,
    '',
    'All settings come from the environment and are checked at start; every problem is listed at once. A variable that begins',
    'with `TIDEMARK_` and is not in this table is refused. Times are in milliseconds, sizes in bytes.',
    '',
    'A secret may also be given as `<name>_FILE`, the path of a file that holds it. Secrets are never printed.',
    '',
    '| variable | meaning | default |',
    '|---|---|---|',
    ...rows,
  );
}

/** Declaring is a side effect of importing, so that no list of modules has to be kept here. */
async function importErrorFiles(): Promise<void> {
  const root = new URL('../modules/', import.meta.url);
  for (const entry of await readdir(root, { recursive: true })) {
    if (/\.errors\.(js|ts)$/.test(entry)) await import(new URL(entry, root).href);
  }
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

const lines = (...all: string[]): string => `${all.join('\n').trimEnd()}\n`;
