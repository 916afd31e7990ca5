import { NestFactory } from '@nestjs/core';
import { stringify } from 'yaml';
import { AppModule } from '../app.module.js';
import { loadSettings } from '../config/index.js';
import { buildOpenApiDocument, createHttpAdapter } from '../http/index.js';
import { createLogger } from '../kernel/index.js';

/** Enough for the settings to be complete. Nothing connects to it. */
const NOWHERE = {
  TIDEMARK_DATABASE_URL: 'postgres://nobody@localhost:1/nothing',
  TIDEMARK_PLATFORM_KEY: 'not-a-platform-key',
  TIDEMARK_KEY_PEPPER: 'not-a-key-pepper',
};

/** The API document as YAML, from the modules of all roles. No provider is made, so it needs no database. */
export async function apiDocumentYaml(): Promise<string> {
  const settings = loadSettings(NOWHERE);
  const logger = createLogger('silent');
  const app = await NestFactory.create(
    AppModule.forRoles(settings, logger),
    createHttpAdapter(settings.http, logger),
    {
      preview: true,
      logger: false,
      abortOnError: false,
    },
  );
  const header = '# Generated from the code by `npm run openapi`. Do not edit.\n';
  return header + stringify(buildOpenApiDocument(app), { lineWidth: 110, aliasDuplicateObjects: false });
}
