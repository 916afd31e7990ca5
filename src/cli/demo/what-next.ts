import type { ServiceAccess } from './service-access.js';

/** What the last lines of the demo say. */
export function whatNext({ url, keysFile }: ServiceAccess): string {
  return [
    '',
    `Tidemark: ${url}`,
    ...(keysFile === undefined ? [] : [`Keys:     ${keysFile}`]),
    `API:      ${url}/docs`,
    '',
    'What next:',
    '  npm run demo again: the same records are known, so the answers stay as they are',
    ...(keysFile === undefined
      ? []
      : [
          '  a question of your own:',
          `    curl -sS ${url}/v1/query -H "Authorization: Bearer $(node -p 'require("${keysFile}").keys.reader')" \\`,
          `      -H 'Content-Type: application/json' -d '{"sql": "SELECT * FROM flights LIMIT 5"}'`,
        ]),
    '  the scripts in examples/: exactly-once retries, queries of the past, zstd',
  ].join('\n');
}
