import { isList, isOptional, nestedTypeOf, rulesOf, type DtoType } from './dto-rules.js';
import { jsonPath } from './json-path.js';

export interface Violation {
  /** See `jsonPath`. */
  readonly path: string;
  readonly message: string;
}

interface NestedField {
  readonly name: string;
  readonly type: DtoType;
  readonly list: boolean;
  readonly optional: boolean;
}

const nestedFields = new Map<DtoType, readonly NestedField[]>();

/**
 * Where a nested value is not of the shape that its class needs. class-validator does not say: to it an array
 * passes for an object and an object for an array of one, at any depth, and null passes for both.
 */
export function shapeViolations(
  type: DtoType,
  value: object,
  keys: readonly (string | number)[] = [],
): Violation[] {
  return fieldsOf(type).flatMap((field) => {
    const member = (value as Record<string, unknown>)[field.name];
    const at = [...keys, field.name];
    if ((member === undefined || member === null) && field.optional) return [];
    if (!field.list) return objectViolations(field.type, member, at);
    if (!Array.isArray(member)) return [{ path: jsonPath(at), message: 'must be an array' }];
    return member.flatMap((entry, index) => objectViolations(field.type, entry, [...at, index]));
  });
}

function objectViolations(type: DtoType, value: unknown, keys: readonly (string | number)[]): Violation[] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return shapeViolations(type, value, keys);
  return [{ path: jsonPath(keys), message: 'must be an object' }];
}

function fieldsOf(type: DtoType): readonly NestedField[] {
  const known = nestedFields.get(type);
  if (known !== undefined) return known;
  const fields = [...rulesOf(type)].flatMap(([name, rules]) => {
    const nested = nestedTypeOf(type, name, rules);
    return nested === undefined
      ? []
      : [{ name, type: nested, list: isList(rules), optional: isOptional(rules) }];
  });
  nestedFields.set(type, fields);
  return fields;
}
