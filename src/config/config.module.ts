import { type DynamicModule, Module } from '@nestjs/common';
import type { Settings } from './settings.js';

/** Injection token of one slice of the settings: `@Inject(settingsOf('commit'))`. */
export const settingsOf = (slice: keyof Settings): string => `settings.${slice}`;

/** Makes every slice injectable on its own, so that a module sees no more than it needs. */
@Module({})
export class ConfigModule {
  static forSettings(settings: Settings): DynamicModule {
    const providers = (Object.keys(settings) as (keyof Settings)[]).map((slice) => ({
      provide: settingsOf(slice),
      useValue: settings[slice],
    }));
    return { module: ConfigModule, global: true, providers, exports: providers.map((p) => p.provide) };
  }
}
