import 'reflect-metadata';
import { writeOrCheck } from './generated-file.js';
import { configurationPage, errorsPage } from './reference-pages.js';

const files = [
  { path: 'docs/errors.md', text: await errorsPage() },
  { path: 'docs/configuration.md', text: configurationPage() },
];
await writeOrCheck(files, process.argv.slice(2), 'npm run docs');
