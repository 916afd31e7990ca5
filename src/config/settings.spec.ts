import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings, SettingsError } from './settings.js';

const external = {
  TIDEMARK_DATABASE_URL: 'postgres://user:hunter2@db/tidemark',
  TIDEMARK_KEY_PEPPER: 'pepper-of-sixteen-bytes',
  TIDEMARK_PLATFORM_KEY: 'platform-key-of-some-length',
};

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadSettings(environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('loadSettings', () => {
  it('needs nothing for the embedded default', () => {
    const settings = loadSettings({});
    expect(settings.roles).toEqual(['api', 'coordinator', 'maintenance']);
    expect(settings.database.url).toBeUndefined();
    expect(settings.storage.store.kind).toBe('filesystem');
    expect(settings.http).toMatchObject({ host: '127.0.0.1', port: 8080 });
  });

  it('lists every problem at once', () => {
    const problems = problemsOf({
      TIDEMARK_HTTP_PORT: '70000',
      TIDEMARK_ROLES: 'api,driver',
      TIDEMARK_LEASE_MS: 'soon',
      TIDEMARK_HTTP_PROT: '1',
    });
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'TIDEMARK_ROLES',
      'TIDEMARK_HTTP_PORT',
      'TIDEMARK_LEASE_MS',
      'TIDEMARK_HTTP_PROT',
    ]);
  });

  it('never shows the value of a secret', () => {
    const problems = problemsOf({
      TIDEMARK_DATABASE_URL: 'mysql://root:hunter2@db/x',
      TIDEMARK_PLATFORM_KEY: 'hunter2',
    });
    expect(problems).toHaveLength(2);
    expect(problems.join('\n')).not.toContain('hunter2');
  });

  it('requires the keys with an external database, by role', () => {
    expect(problemsOf({ TIDEMARK_DATABASE_URL: external.TIDEMARK_DATABASE_URL })).toHaveLength(2);
    expect(problemsOf({ ...external, TIDEMARK_PLATFORM_KEY: '', TIDEMARK_ROLES: 'coordinator' })).toEqual([]);
    expect(problemsOf(external)).toEqual([]);
  });

  it('reads a secret from a file, and refuses both forms at once', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tidemark-settings-')), 'pepper');
    writeFileSync(file, 'pepper-from-a-file-here\n');
    const fromFile = { ...external, TIDEMARK_KEY_PEPPER: '', TIDEMARK_KEY_PEPPER_FILE: file };
    expect(loadSettings(fromFile).tenancy.keyPepper).toBe('pepper-from-a-file-here');
    expect(problemsOf({ ...fromFile, TIDEMARK_KEY_PEPPER: 'x'.repeat(16) })).toHaveLength(1);
    expect(problemsOf({ ...fromFile, TIDEMARK_KEY_PEPPER_FILE: `${file}.missing` })[0]).toContain('ENOENT');
  });

  it('refuses failpoints in production, and names that are not known', () => {
    const armed = {
      TIDEMARK_FAILPOINTS: 'commit.uploaded=kill,commit.claimed=error:3,store.put=delay(50)@2',
    };
    expect(loadSettings(armed).failpoints).toEqual([
      { name: 'commit.uploaded', action: 'kill', count: 1, skip: 0 },
      { name: 'commit.claimed', action: 'error', count: 3, skip: 0 },
      { name: 'store.put', action: 'delay', delayMs: 50, count: 1, skip: 2 },
    ]);
    expect(problemsOf({ ...armed, NODE_ENV: 'production' })).toHaveLength(1);
    for (const wrong of ['commit.lunch=kill', 'store.put=delay', 'store.put=kill(5)', 'store.put=burn']) {
      expect(problemsOf({ TIDEMARK_FAILPOINTS: wrong })).toHaveLength(1);
    }
  });

  it('divides windows for tests, and refuses to in production', () => {
    expect(loadSettings({}).bus.windowDivisor).toBe(1);
    const divided = { TIDEMARK_WINDOW_DIVISOR: '3600' };
    expect(loadSettings(divided).bus.windowDivisor).toBe(3600);
    expect(problemsOf({ ...divided, NODE_ENV: 'production' })).toHaveLength(1);
    expect(problemsOf({ TIDEMARK_WINDOW_DIVISOR: '1', NODE_ENV: 'production' })).toEqual([]);
    expect(problemsOf({ TIDEMARK_WINDOW_DIVISOR: '0' })).toHaveLength(1);
  });

  it('takes cron expressions of five or six fields', () => {
    for (const right of ['0 * * * *', '*/30 * * * * *', '5,10-20/2 0 1 1 * 7']) {
      expect(loadSettings({ TIDEMARK_PURGE_CRON: right }).maintenance.purgeCron).toBe(right);
    }
    for (const wrong of ['hourly', '* * * *', '60 * * * * *', '* * * * * 8', '*/0 * * * *', '1- * * * *']) {
      expect(problemsOf({ TIDEMARK_PURGE_CRON: wrong })).toHaveLength(1);
    }
  });

  it('uses path style where an endpoint is set', () => {
    const store = loadSettings({ TIDEMARK_S3_BUCKET: 'lake', TIDEMARK_S3_ENDPOINT: 'http://minio:9000' })
      .storage.store;
    expect(store).toMatchObject({ kind: 's3', bucket: 'lake', forcePathStyle: true });
  });
});
