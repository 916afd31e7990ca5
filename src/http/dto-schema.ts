import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { isList, isOptional, nestedTypeOf, rulesOf, type DtoType, type Rule } from './dto-rules.js';

type Facts = Record<string, unknown>;

const described = new Set<DtoType>();
/** Where @nestjs/swagger keeps the names of documented properties. */
const DOCUMENTED = 'swagger/apiModelPropertiesArray';

/** Documents a DTO's fields from its validators, so that the two cannot differ. Fields with an ApiProperty keep it. */
export function describeDto(type: DtoType): void {
  if (described.has(type)) return;
  described.add(type);
  const prototype = type.prototype as object;
  const documented = new Set((Reflect.getMetadata(DOCUMENTED, prototype) as string[] | undefined) ?? []);
  for (const [field, own] of rulesOf(type)) {
    const nested = nestedTypeOf(type, field, own);
    if (nested !== undefined) describeDto(nested);
    if (documented.has(`:${field}`)) continue;
    ApiProperty(optionsOf(own, nested))(prototype, field);
  }
}

function optionsOf(rules: readonly Rule[], nested: DtoType | undefined): ApiPropertyOptions {
  const facts: Facts = {};
  for (const rule of rules) Object.assign(facts, FACTS[rule.name ?? '']?.(rule.constraints, rule) ?? {});
  const required = !isOptional(rules);
  const isArray = isList(rules);
  if (nested !== undefined) return { type: () => nested, isArray, required };
  const { minItems, maxItems, uniqueItems, ...schema } = facts;
  if (!isArray) return { type: 'object', ...schema, required } as unknown as ApiPropertyOptions;
  const items = Object.keys(schema).length === 0 ? { type: 'object' } : schema;
  const limits = Object.fromEntries(
    Object.entries({ minItems, maxItems, uniqueItems }).filter(([, v]) => v !== undefined),
  );
  return { type: 'array', items, ...limits, required } as unknown as ApiPropertyOptions;
}

/** What each validator says, in the words of JSON Schema. */
const FACTS: Readonly<Record<string, (constraints: readonly unknown[], rule: Rule) => Facts>> = {
  isString: () => ({ type: 'string' }),
  isBoolean: () => ({ type: 'boolean' }),
  isInt: () => ({ type: 'integer' }),
  isNumber: () => ({ type: 'number' }),
  isObject: () => ({ type: 'object', additionalProperties: true }),
  isIn: ([values]) => ({
    type: typeof (values as unknown[])[0] === 'number' ? 'number' : 'string',
    enum: values,
  }),
  isEnum: ([values]) => ({ type: 'string', enum: Object.values(values as object) }),
  min: ([minimum]) => ({ minimum }),
  max: ([maximum]) => ({ maximum }),
  isPositive: () => ({ minimum: 0, exclusiveMinimum: true }),
  minLength: ([minLength]) => ({ minLength }),
  maxLength: ([maxLength]) => ({ maxLength }),
  isLength: ([minLength, maxLength]) => ({ minLength, ...(maxLength !== undefined && { maxLength }) }),
  isNotEmpty: () => ({ minLength: 1 }),
  matches: ([pattern]) => ({ pattern: pattern instanceof RegExp ? pattern.source : String(pattern) }),
  isUuid: () => ({ type: 'string', format: 'uuid' }),
  isUrl: () => ({ type: 'string', format: 'uri' }),
  isIso8601: () => ({ type: 'string', format: 'date-time' }),
  isRFC3339: () => ({ type: 'string', format: 'date-time' }),
  isDateString: () => ({ type: 'string', format: 'date-time' }),
  arrayMinSize: ([minItems]) => ({ minItems }),
  arrayMaxSize: ([maxItems]) => ({ maxItems }),
  arrayNotEmpty: () => ({ minItems: 1 }),
  arrayUnique: () => ({ uniqueItems: true }),
};
