import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const PREPARE = resolve(import.meta.dirname, '../../scripts/prepare.cjs');

/** Stands in for npm: notes how it was called and writes what the real one would. */
const NPM = `#!/bin/sh
echo "$*" >> npm-calls
case "$1" in
  ci)
    [ -e refuse ] && { echo "E404 not found" >&2; exit 1; }
    mkdir -p node_modules/.bin node_modules/node
    echo '{"version":"24.1.0"}' > node_modules/node/package.json
    [ -e no-scripts ] || printf '#!/bin/sh\\necho v24.1.0\\n' > node_modules/.bin/node
    chmod +x node_modules/.bin/node 2>/dev/null
    exit 0 ;;
  run) mkdir -p dist/src && touch dist/src/main.js ;;
esac
`;

let root: string;

const write = (path: string, content: string) => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tidemark-prepare-'));
  mkdirSync(join(root, 'scripts'));
  cpSync(PREPARE, join(root, 'scripts/prepare.cjs'));
  write('tools/npm', NPM);
  chmodSync(join(root, 'tools/npm'), 0o755);
  write('package.json', '{}');
  write('package-lock.json', '{"packages":{}}');
  write('src/main.ts', 'one');
});
afterEach(() => rmSync(root, { recursive: true }));

function prepare(): Promise<{ code: number; said: string }> {
  return new Promise((resolveRun) => {
    const env = {
      ...process.env,
      PATH: `${join(root, 'tools')}:${process.env.PATH ?? ''}`,
      NODE_OPTIONS: '',
    };
    execFile(process.execPath, [join(root, 'scripts/prepare.cjs')], { env }, (error, _stdout, said) =>
      resolveRun({ code: error === null ? 0 : Number(error.code), said }),
    );
  });
}

/** What npm was asked to do since the last time, without the options. */
function npmCalls(): string[] {
  const file = join(root, 'npm-calls');
  if (!existsSync(file)) return [];
  const calls = readFileSync(file, 'utf8').trim().split('\n');
  rmSync(file);
  return calls.map((call) => call.replace(/ --.*/, ''));
}

describe('scripts/prepare.cjs', () => {
  it('installs and builds once, and then only what has changed', async () => {
    expect(await prepare()).toMatchObject({
      code: 0,
      said: expect.stringContaining('node_modules is missing') as string,
    });
    expect(npmCalls()).toEqual(['ci', 'run build']);

    expect(await prepare()).toEqual({ code: 0, said: '' });
    expect(npmCalls()).toEqual([]);

    write('src/main.ts', 'two');
    expect((await prepare()).said).toContain('the sources have changed');
    expect(npmCalls()).toEqual(['run build']);

    write('src/main.spec.ts', 'tests are no part of the build');
    await prepare();
    expect(npmCalls()).toEqual([]);

    write('package-lock.json', '{"packages":{"node_modules/a":{"version":"1.0.0"}}}');
    expect((await prepare()).said).toContain('does not agree with package-lock.json');
    expect(npmCalls()).toEqual(['ci', 'run build']);
  });

  it('takes what npm installed by hand, when it is what the lock file asks for', async () => {
    write('package-lock.json', '{"packages":{"":{},"node_modules/a":{"version":"1.0.0","integrity":"x"}}}');
    write(
      'node_modules/.package-lock.json',
      '{"packages":{"node_modules/a":{"version":"1.0.0","integrity":"x"}}}',
    );
    write('node_modules/node/package.json', '{"version":"24.1.0"}');
    write('node_modules/.bin/node', '#!/bin/sh\necho v24.1.0\n');
    chmodSync(join(root, 'node_modules/.bin/node'), 0o755);
    expect((await prepare()).code).toBe(0);
    expect(npmCalls()).toEqual(['run build']);
  });

  it('does the work once when two run at the same time', async () => {
    const both = await Promise.all([prepare(), prepare()]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(npmCalls()).toEqual(['ci', 'run build']);
  });

  it('heals the lock of a killed run', async () => {
    write('.prepare.lock', '999999999');
    expect((await prepare()).code).toBe(0);
    expect(existsSync(join(root, '.prepare.lock'))).toBe(false);
  });

  it('fails in plain words where npm fails, and leaves no lock', async () => {
    write('refuse', '');
    const { code, said } = await prepare();
    expect(code).toBe(1);
    expect(said).toContain('E404 not found');
    expect(said).toContain('npm ci failed');
    expect(said).not.toContain('at run');
    expect(existsSync(join(root, '.prepare.lock'))).toBe(false);
  });

  it('says what to do where npm runs no install scripts', async () => {
    write('no-scripts', '');
    const { code, said } = await prepare();
    expect(code).toBe(1);
    expect(said).toContain('npm rebuild node');
  });
});
