/** The module rules of docs/architecture.md. Base layers first; features never import each other. */
const BASE = ['kernel', 'config', 'database', 'http', 'embedded'];
const FEATURES = ['ingest', 'commit', 'query', 'maintenance'];

/** Which modules each module may import, beside the base layers. */
const MAY_IMPORT = {
  engine: [],
  tenancy: [],
  storage: [],
  bus: [],
  snapshots: ['tenancy', 'storage', 'bus'],
  tables: ['snapshots', 'tenancy', 'storage', 'bus'],
  ...Object.fromEntries(
    FEATURES.map((name) => [name, ['tables', 'snapshots', 'tenancy', 'storage', 'bus', 'engine']]),
  ),
  operations: [
    'ingest',
    'commit',
    'query',
    'maintenance',
    'tables',
    'snapshots',
    'tenancy',
    'storage',
    'bus',
    'engine',
  ],
};

const moduleRules = Object.entries(MAY_IMPORT).map(([name, allowed]) => ({
  name: `module-${name}`,
  severity: 'error',
  comment: `src/modules/${name} imports only ${allowed.join(', ') || 'the base layers'}`,
  from: { path: `^src/modules/${name}/` },
  to: { path: '^src/modules/', pathNot: `^src/modules/(${[name, ...allowed].join('|')})/` },
}));

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...moduleRules,
    {
      name: 'public-face-only',
      severity: 'error',
      comment: "another module's files are reached through its index.ts",
      from: { path: '^src/modules/([^/]+)/' },
      to: { path: '^src/modules/([^/]+)/', pathNot: ['^src/modules/$1/', '^src/modules/[^/]+/index\\.ts$'] },
    },
    {
      name: 'public-face-only-from-outside',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/modules/' },
      to: { path: '^src/modules/[^/]+/', pathNot: '^src/modules/[^/]+/index\\.ts$' },
    },
    {
      name: 'base-knows-no-module',
      severity: 'error',
      from: { path: `^src/(${BASE.join('|')})/` },
      to: { path: '^src/modules/' },
    },
    {
      name: 'kernel-is-the-bottom',
      severity: 'error',
      from: { path: '^src/kernel/' },
      to: { path: '^src/(?!kernel/)' },
    },
    {
      name: 'config-knows-the-kernel',
      severity: 'error',
      from: { path: '^src/config/' },
      to: { path: '^src/(?!config/|kernel/)' },
    },
    {
      name: 'adapters-are-named-by-their-module',
      severity: 'error',
      comment: 'an adapter (port.adapter.ts) is imported by its *.module.ts and by adapters only',
      from: {
        path: '^src/',
        pathNot: ['\\.module\\.ts$', '\\.(postgres|s3|filesystem|duckdb)\\.ts$', '\\.spec\\.ts$'],
      },
      to: { path: '\\.(postgres|s3|filesystem|duckdb)\\.ts$' },
    },
    {
      name: 'no-test-support-in-src',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^(test|bench|examples)/' },
    },
    {
      name: 'no-undeclared-packages',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
