import { Module, type Type } from '@nestjs/common';
import { MODULE_METADATA } from '@nestjs/common/constants.js';

/** The same module without some of its imports, whose providers a global module of the test gives instead. */
export function overrideModules(module: Type, without: readonly Type[]): Type {
  const read = (key: string) => (Reflect.getMetadata(key, module) ?? []) as Type[];

  @Module({
    imports: read(MODULE_METADATA.IMPORTS).filter((one) => !without.includes(one)),
    providers: read(MODULE_METADATA.PROVIDERS),
    controllers: read(MODULE_METADATA.CONTROLLERS),
    exports: read(MODULE_METADATA.EXPORTS),
  })
  class Overridden extends module {}
  return Overridden;
}
