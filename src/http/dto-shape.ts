import { plainToInstance } from 'class-transformer';
import { isList, isOptional, nestedTypeOf, rulesOf, type DtoType } from './dto-rules.js';
import { jsonPath } from './json-path.js';

export interface Violation {
  /** See `jsonPath`. */
  readonly path: string;
  readonly message: string;
}

interface Field {
  readonly name: string;
  /** Of a nested object, or of each in a list. */
  readonly type: DtoType | undefined;
  readonly list: boolean;
  readonly optional: boolean;
}

/** More than any call takes. What checks a value after this may take long for wider ones. */
const MAX_FIELDS = 1_000;
const MAX_ENTRIES = 10_000;
/** class-validator and class-transformer would take them for the object's own class. */
const RESERVED = ['constructor', '__proto__'];

const fieldsOfTypes = new Map<DtoType, readonly Field[]>();

/**
 * Where a value or one nested in it is not of the shape that its class needs. class-validator does not say: to it
 * an array passes for an object and an object for an array of one, at any depth, and null passes for both.
 */
export function shapeViolations(
  type: DtoType,
  value: object,
  keys: readonly (string | number)[] = [],
): Violation[] {
  const count = Object.keys(value).length;
  if (count > MAX_FIELDS) return [{ path: jsonPath(keys), message: `has more than ${MAX_FIELDS} fields` }];
  const reserved = RESERVED.filter((name) => Object.hasOwn(value, name)).map((name) => ({
    path: jsonPath([...keys, name]),
    message: 'is not a known field',
  }));
  return [...reserved, ...fieldsOf(type).flatMap((field) => fieldViolations(field, value, keys))];
}

function fieldViolations(field: Field, value: object, keys: readonly (string | number)[]): Violation[] {
  const member = (value as Record<string, unknown>)[field.name];
  const at = [...keys, field.name];
  if (field.list && Array.isArray(member) && member.length > MAX_ENTRIES)
    return [{ path: jsonPath(at), message: `has more than ${MAX_ENTRIES} entries` }];
  const { type } = field;
  if (type === undefined) return [];
  if ((member === undefined || member === null) && field.optional) return [];
  if (!field.list) return objectViolations(type, member, at);
  if (!Array.isArray(member)) return [{ path: jsonPath(at), message: 'must be an array' }];
  return member.flatMap((entry, index) => objectViolations(type, entry, [...at, index]));
}

function objectViolations(type: DtoType, value: unknown, keys: readonly (string | number)[]): Violation[] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return shapeViolations(type, value, keys);
  return [{ path: jsonPath(keys), message: 'must be an object' }];
}

function fieldsOf(type: DtoType): readonly Field[] {
  const known = fieldsOfTypes.get(type);
  if (known !== undefined) return known;
  const fields = [...rulesOf(type)].map(([name, rules]) => ({
    name,
    type: nestedTypeOf(type, name, rules),
    list: isList(rules),
    optional: isOptional(rules),
  }));
  fieldsOfTypes.set(type, fields);
  return fields;
}

/**
 * An instance of the class, with instances of the classes nested in it. Other objects and lists are taken over as
 * they are: class-transformer would copy them, in time that grows with the square of an object's fields.
 */
export function instanceOf<T extends object>(type: new () => T, value: object): T {
  const entries = Object.entries(value);
  const instance = plainToInstance(
    type,
    Object.fromEntries(entries.filter(([, member]) => !isObject(member))),
  );
  const fields = new Map(fieldsOf(type).map((field) => [field.name, field]));
  for (const [name, member] of entries) {
    if (!isObject(member)) continue;
    const nested = fields.get(name)?.type as (new () => object) | undefined;
    const made =
      nested === undefined
        ? member
        : Array.isArray(member)
          ? member.map((entry: object) => instanceOf(nested, entry))
          : instanceOf(nested, member);
    Object.defineProperty(instance, name, {
      value: made,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return instance;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
