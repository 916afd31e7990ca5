import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { getMetadataStorage } from 'class-validator';

export type DtoType = abstract new () => object;
/** What one validator decorator left behind. */
export type Rule = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];

/** The validators of each field, those of parent classes included. */
export function rulesOf(type: DtoType): Map<string, Rule[]> {
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
  return Map.groupBy(rules, (rule) => rule.propertyName);
}

/** The class of a field with `@ValidateNested()` and `@Type()`. */
export function nestedTypeOf(type: DtoType, field: string, rules: readonly Rule[]): DtoType | undefined {
  if (!rules.some((rule) => rule.type === 'nestedValidation')) return undefined;
  const declared = defaultMetadataStorage.findTypeMetadata(type, field);
  return declared?.typeFunction() as DtoType | undefined;
}

export const isOptional = (rules: readonly Rule[]): boolean =>
  rules.some((rule) => rule.name === 'isOptional');

export const isList = (rules: readonly Rule[]): boolean =>
  rules.some((rule) => rule.each || rule.name === 'isArray');
