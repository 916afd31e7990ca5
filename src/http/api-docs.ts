import type { INestApplication } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { declaredErrors } from '../kernel/index.js';
import { renderDocsPage } from './docs-page.js';
import { renderErrorsPage } from './errors-page.js';
import { PAGE_HEADERS } from './html.js';
import { buildOpenApiDocument } from './openapi.js';

/** Serves `/v1/openapi.json`, `/docs` and `/docs/errors`, open to anyone. Call it before the application listens. */
export function serveApiDocs(app: INestApplication): void {
  const server = app.getHttpAdapter().getInstance() as FastifyInstance;
  const document = once(() => buildOpenApiDocument(app));
  const json = once(() => JSON.stringify(document()));
  const docs = once(() => renderDocsPage(document()));
  const errors = once(() => renderErrorsPage(declaredErrors()));
  server.get('/v1/openapi.json', (_request, reply) =>
    reply
      .header('Content-Type', 'application/json; charset=utf-8')
      .header('Cache-Control', 'no-cache')
      .send(json()),
  );
  server.get('/docs', (_request, reply) => reply.headers(PAGE_HEADERS).send(docs()));
  server.get('/docs/errors', (_request, reply) => reply.headers(PAGE_HEADERS).send(errors()));
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
