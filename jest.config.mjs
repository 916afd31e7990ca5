const swc = [
  '@swc/jest',
  {
    jsc: {
      target: 'es2023',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
    },
    module: { type: 'es6' },
  },
];

const suite = (displayName, testMatch, extra = {}) => ({
  displayName,
  rootDir: import.meta.dirname,
  testMatch,
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': swc },
  testEnvironment: '<rootDir>/scripts/testing/leak-environment.mjs',
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.tidemark'],
  ...extra,
});

/** Suites that need Postgres and, some of them, an S3 server. */
const serviceSuite = (name) =>
  suite(name, [`<rootDir>/test/${name}/**/*.spec.ts`], {
    globalSetup: '<rootDir>/scripts/testing/global-setup.mjs',
    globalTeardown: '<rootDir>/scripts/testing/global-teardown.mjs',
  });

export default {
  projects: [
    suite('unit', [
      '<rootDir>/src/**/*.spec.ts',
      '<rootDir>/scripts/**/*.spec.ts',
      '<rootDir>/test/faults/**/*.spec.ts',
    ]),
    serviceSuite('conformance'),
    serviceSuite('integration'),
    serviceSuite('e2e'),
    serviceSuite('model'),
  ],
  reporters: ['default', '<rootDir>/scripts/testing/suite-reporter.mjs'],
  testTimeout: 60_000,
  workerIdleMemoryLimit: '1GB',
};
