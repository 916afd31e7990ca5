import type { ServiceAccess } from './service-access.js';

/** What the last lines of the demo say. `goesOn` tells whether the service does. */
export function whatNext({ url, keysFile }: ServiceAccess, goesOn: boolean): string {
  return [
    '',
    ...(goesOn ? [`Tidemark: ${url}`] : []),
    ...(keysFile === undefined ? [] : [`Keys:     ${keysFile}`]),
    ...(goesOn ? [`API:      ${url}/docs`] : []),
    '',
    'What next:',
    '  npm run demo again: the same records are known, so the answers stay as they are',
    ...ownQuestion(url, keysFile, goesOn),
    '  the scripts in examples/: exactly-once retries, queries of the past, zstd',
  ].join('\n');
}

function ownQuestion(url: string, keysFile: string | undefined, goesOn: boolean): string[] {
  if (!goesOn) return ['  without --exit: the service goes on, for questions of your own'];
  if (keysFile === undefined) return [];
  return [
    '  a question of your own:',
    `    curl -sS ${url}/v1/query -H "Authorization: Bearer $(node -p 'require("${keysFile}").keys.reader')" \\`,
    `      -H 'Content-Type: application/json' -d '{"sql": "SELECT * FROM flights LIMIT 5"}'`,
  ];
}
