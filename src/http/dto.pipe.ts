import { Body, Query, type PipeTransform } from '@nestjs/common';
import { validate, type ValidationError } from 'class-validator';
import { AppError, REQUEST_INVALID } from '../kernel/index.js';
import { describeDto } from './dto-schema.js';
import { instanceOf, shapeViolations, type Violation } from './dto-shape.js';
import { jsonPath } from './json-path.js';

/** Violations named in one answer. */
const MAX_VIOLATIONS = 100;

/**
 * A class with class-validator's decorators, made without arguments. A static `about` gives what all violations of an
 * object carry, from its fields as they were sent. The `context` of a validator goes into its violations.
 */
export type DtoClass<T extends object> = new () => T;

/** Checks a control-plane value against its class; refuses what it does not name. Rejects with REQUEST_INVALID. */
export class DtoPipe<T extends object> implements PipeTransform<unknown, Promise<T>> {
  constructor(private readonly type: DtoClass<T>) {}

  /** Undefined, which is an absent body, counts as an object without fields. */
  async transform(value: unknown = {}): Promise<T> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw dtoInvalid([{ path: '$', message: 'must be an object' }]);
    }
    const misshapen = shapeViolations(this.type, value);
    if (misshapen.length > 0) throw dtoInvalid(misshapen);
    const dto = instanceOf(this.type, value);
    const errors = await validate(dto, {
      whitelist: true,
      forbidNonWhitelisted: true,
      forbidUnknownValues: true,
    });
    if (errors.length > 0) throw dtoInvalid(errors.flatMap((error) => violationsOf(error, [])));
    return dto;
  }
}

/** Parameter decorator: the JSON body as a checked `type`. */
export function dtoBody<T extends object>(type: DtoClass<T>): ParameterDecorator {
  describeDto(type);
  return Body(new DtoPipe(type));
}

/** Parameter decorator: the query string as a checked `type`. Values arrive as text: see `IntegerText` and `FlagText`. */
export function dtoQuery<T extends object>(type: DtoClass<T>): ParameterDecorator {
  describeDto(type);
  return Query(new DtoPipe(type));
}

function dtoInvalid(violations: readonly Violation[]): AppError {
  const [first] = violations;
  const more = violations.length > 1 ? `, and ${violations.length - 1} more` : '';
  const detail =
    first === undefined ? 'The request is not valid.' : `${first.path}: ${first.message}${more}.`;
  return new AppError(REQUEST_INVALID, detail, {
    context: { violations: violations.slice(0, MAX_VIOLATIONS) },
  });
}

function violationsOf(error: ValidationError, parents: readonly (string | number)[]): Violation[] {
  const inArray = Array.isArray(error.target);
  const keys = [...parents, inArray ? Number(error.property) : error.property];
  const path = jsonPath(keys);
  const about = aboutOf(error.target);
  const own = Object.entries(error.constraints ?? {}).map(([rule, text]) => ({
    path,
    message: messageOf(rule, text, error),
    ...about,
    ...(error.contexts?.[rule] as object | undefined),
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => violationsOf(child, keys))];
}

const aboutOf = (target: object | undefined): object | undefined =>
  (target?.constructor as { about?: (value: object) => object } | undefined)?.about?.(target as object);

/** The path names the field already. */
function messageOf(rule: string, text: string, { property }: ValidationError): string {
  if (rule === 'whitelistValidation') return 'is not a known field';
  return text.startsWith(`${property} `) ? text.slice(property.length + 1) : text;
}
