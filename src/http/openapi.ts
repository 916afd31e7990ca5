import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { ERROR_CODES } from '../kernel/index.js';

type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;
type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']>;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

const PROBLEM: Schemas[string] = {
  type: 'object',
  description: 'A refusal, as RFC 9457 has it.',
  required: ['type', 'title', 'status', 'detail', 'error_code', 'retryable', 'context', 'trace_id'],
  properties: {
    type: { type: 'string', format: 'uri-reference', example: '/docs/errors#TABLE_NOT_FOUND' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'For people. The wording may change.' },
    instance: { type: 'string', description: 'Path of the request.' },
    error_code: { type: 'string', enum: [...ERROR_CODES], description: 'For programs. More may be added.' },
    retryable: { type: 'boolean', description: 'Sending the same request again later may succeed.' },
    context: { type: 'object', additionalProperties: true },
    trace_id: { type: 'string', description: 'Also the `Request-Id` header, and in the log.' },
  },
};

/** The document of all routes of the application, in a stable order. Needs no route to be served yet. */
export function buildOpenApiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Tidemark')
    .setDescription('JSON events in, typed Parquet on object storage, SQL over atomic snapshots.')
    .setVersion('1')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addBearerAuth(
      {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'API key',
        description: 'An API key. It decides the tenant. Calls on tenants take the platform key.',
      },
      'bearer',
    )
    .addSecurityRequirements('bearer')
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) => `${controller.replace(/(Http)?Controller$/, '')}_${method}`,
  });
  const paths = sorted(document.paths);
  for (const item of Object.values(paths)) operationsOf(item).forEach(describeRefusals);
  const schemas = sorted({ ...document.components?.schemas, Problem: PROBLEM });
  // Through JSON, so that what is served and what is written are the same.
  return JSON.parse(
    JSON.stringify({ ...document, paths, components: { ...document.components, schemas } }),
  ) as OpenAPIObject;
}

export function operationsOf(item: PathItem): Operation[] {
  return METHODS.flatMap((method) => item[method] ?? []);
}

function describeRefusals(operation: Operation): void {
  operation.responses.default ??= {
    description: 'Refused; `error_code` says why.',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}

function sorted<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
