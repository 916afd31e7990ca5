import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { ensureCredentials, type FirstTenant } from '../../src/embedded/index.js';

const URL = 'http://127.0.0.1:8080';
const first: FirstTenant = { tenant: 'first', keys: { writer: 'w', reader: 'r', admin: 'a' } };

let dataDir: string;
const make = jest.fn(() => Promise.resolve(first));
const file = () => join(dataDir, 'credentials.json');
const read = () => JSON.parse(readFileSync(file(), 'utf8')) as unknown;

beforeEach(() => {
  make.mockClear();
  dataDir = mkdtempSync(join(tmpdir(), 'tidemark-credentials-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('ensureCredentials', () => {
  it('writes them once, for the owner alone', async () => {
    const expected = { url: URL, ...first, platform_key: 'p' };
    expect(await ensureCredentials(dataDir, URL, make, 'p')).toEqual(expected);
    expect(await ensureCredentials(dataDir, URL, make, 'p')).toEqual(expected);
    expect(make).toHaveBeenCalledTimes(1);
    expect(read()).toEqual(expected);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it('brings the url and the platform key up to date and keeps the keys', async () => {
    await ensureCredentials(dataDir, URL, make, 'p');
    await ensureCredentials(dataDir, 'http://127.0.0.1:9000', make, 'q');
    expect(read()).toEqual({ url: 'http://127.0.0.1:9000', ...first, platform_key: 'q' });
    expect(make).toHaveBeenCalledTimes(1);
  });

  it.each([
    '',
    '{"url":',
    '{}',
    '{"tenant":"first","keys":null}',
    '{"tenant":"first","keys":{"writer":"w"}}',
  ])('makes them anew where the file has %j', async (content) => {
    writeFileSync(file(), content);
    await ensureCredentials(dataDir, URL, make, 'p');
    expect(make).toHaveBeenCalledTimes(1);
    expect(read()).toMatchObject(first);
  });
});
