import { ApiBody } from '@nestjs/swagger';
import type { DtoClass } from './dto.pipe.js';

/** What the document says of one body that a call takes, for a media type. */
export const exampleOf = (value: unknown): object => ({ examples: { example: { value } } });

/** Method decorator: a body that the call takes. The tests send it. */
export const BodyExample = <T extends object>(type: DtoClass<T>, value: object): MethodDecorator =>
  ApiBody({ type, ...exampleOf(value) });
