import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { apiDocumentYaml } from '../../src/cli/api-document.js';
import { firstDifference } from '../../src/cli/generated-file.js';
import { configurationPage, errorsPage } from '../../src/cli/reference-pages.js';
import { DIST } from '../support/service.js';

const ROOT = resolve(import.meta.dirname, '../..');

interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly content: Record<
      string,
      { readonly examples: { readonly example: { readonly value: unknown } } }
    >;
  };
  readonly responses: Record<string, unknown>;
}

const generated = await apiDocumentYaml();
const document = parse(generated) as {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, unknown> };
};
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({
    call: `${method.toUpperCase()} ${path}`,
    path,
    operation,
  })),
);

describe('generated files', () => {
  it.each([
    ['api/openapi.yaml', () => Promise.resolve(generated)],
    ['docs/errors.md', errorsPage],
    ['docs/configuration.md', () => Promise.resolve(configurationPage())],
  ])('%s is what the code says', async (path, generate) => {
    expect(firstDifference(await readFile(resolve(ROOT, path), 'utf8'), await generate())).toBeUndefined();
  });

  it.each([
    ['openapi', '--help', 0],
    ['docs', '--help', 0],
    ['docs', '--chekc', 2],
  ])('are not written by npm run %s -- %s', (command, arg, status) => {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-generated-'));
    try {
      const script = join(DIST, 'src/cli', `${command}.js`);
      const run = spawnSync(process.execPath, [script, arg], { cwd: folder, encoding: 'utf8' });
      expect(run.status).toBe(status);
      expect(run.stdout + run.stderr).toContain(`Usage: npm run ${command} [-- --check]`);
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the API document', () => {
  it('names every call once, with a summary and its refusals', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    expect(
      operations.filter(({ operation }) => (operation.summary ?? '') === '').map(({ call }) => call),
    ).toEqual([]);
    expect(operations.filter(({ operation }) => operation.responses.default === undefined)).toEqual([]);
  });

  it('has a parameter for every part of a path', () => {
    const lacking = operations.flatMap(({ call, path, operation }) => {
      const known = new Set(operation.parameters?.filter((p) => p.in === 'path').map((p) => p.name));
      return [...path.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) =>
        name !== undefined && known.has(name) ? [] : [`${call}: ${name}`],
      );
    });
    expect(lacking).toEqual([]);
  });

  it('shows NDJSON as it is sent: the records of the JSON body, one a line', () => {
    const bodies = operations.flatMap(({ operation }) => {
      const content = operation.requestBody?.content ?? {};
      const [json, lines] = [content['application/json'], content['application/x-ndjson']];
      const examples = { json: json?.examples.example.value, lines: lines?.examples.example.value };
      return lines === undefined ? [] : [examples];
    });
    expect(bodies).toHaveLength(2);
    for (const { json, lines } of bodies) {
      const sent = String(lines).trimEnd().split('\n');
      expect({ records: sent.map((line) => JSON.parse(line) as unknown) }).toEqual({
        records: (json as { readonly records: unknown }).records,
      });
    }
  });

  it('refers to schemas that it has', () => {
    const references = [...generated.matchAll(/\$ref: "?#\/components\/schemas\/([\w.-]+)/g)].map(
      ([, name]) => name,
    );
    expect(references.length).toBeGreaterThan(0);
    expect(references.filter((name) => name === undefined || !(name in document.components.schemas))).toEqual(
      [],
    );
  });
});
