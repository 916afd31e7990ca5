import 'reflect-metadata';
import { apiDocumentYaml } from './api-document.js';
import { writeOrCheck } from './generated-file.js';

const text = await apiDocumentYaml();
await writeOrCheck([{ path: 'api/openapi.yaml', text }], process.argv.slice(2), 'npm run openapi');
