import { ApiPropertyOptional, type OpenAPIObject } from '@nestjs/swagger';

type Schema = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];

const oneOf: Schema[] = [
  { type: 'string' },
  { type: 'number' },
  { type: 'boolean' },
  { type: 'array', items: {} },
  { type: 'object', additionalProperties: true, nullable: true },
];

/** Property decorator: any JSON value, null too. */
export const AnyJson = (more: { description?: string; example?: unknown } = {}): PropertyDecorator =>
  ApiPropertyOptional({ ...more, oneOf });
