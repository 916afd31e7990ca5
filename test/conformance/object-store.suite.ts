import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { AppError } from '../../src/kernel/index.js';
import {
  InvalidObjectKeyError,
  ObjectConflictError,
  ObjectNotFoundError,
  type ObjectStore,
} from '../../src/modules/storage/index.js';

export interface StoreUnderTest {
  readonly store: ObjectStore;
  close(): Promise<void>;
}

const MIB = 1024 * 1024;

/** What the `ObjectStore` port promises. `open` gives a store that other tests may use at the same time. */
export function describeObjectStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`ObjectStore: ${name}`, () => {
    let opened: StoreUnderTest;
    let store: ObjectStore;
    let folder: string;
    let prefix: string;

    beforeAll(async () => {
      opened = await open();
      store = opened.store;
      folder = await mkdtemp(join(tmpdir(), 'tidemark-object-store-'));
    });
    afterAll(async () => {
      await opened?.close();
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    });
    beforeEach(() => {
      prefix = `conformance/${randomUUID()}`;
    });

    const sha256Of = (content: Buffer) => createHash('sha256').update(content).digest('hex');
    const localFile = async (content: Buffer | string): Promise<string> => {
      const path = join(folder, randomUUID());
      await writeFile(path, content);
      return path;
    };
    const put = async (key: string, content: Buffer | string) => store.putFile(key, await localFile(content));
    const contentOf = async (key: string): Promise<Buffer> => {
      const path = join(folder, randomUUID());
      await store.getToFile(key, path);
      return readFile(path);
    };
    const aborted = () => AbortSignal.abort(new Error('the caller went away'));

    it('gives back what was put', async () => {
      const content = randomBytes(100_000);
      const digest = { sizeBytes: content.length, sha256: sha256Of(content) };
      expect(await put(`${prefix}/a.parquet`, content)).toEqual(digest);
      const path = join(folder, randomUUID());
      expect(await store.getToFile(`${prefix}/a.parquet`, path)).toEqual(digest);
      expect((await readFile(path)).equals(content)).toBe(true);
    });

    it('keeps an empty object', async () => {
      await put(`${prefix}/empty`, '');
      expect((await contentOf(`${prefix}/empty`)).length).toBe(0);
      expect(await store.stat(`${prefix}/empty`)).toMatchObject({ sizeBytes: 0 });
      expect((await store.read(`${prefix}/empty`, { offset: 0, length: 1 })).length).toBe(0);
    });

    it('keeps a large object, with and without its hash given', async () => {
      const content = randomBytes(21 * MIB + 17);
      const path = await localFile(content);
      const sha256 = sha256Of(content);
      const puts = [
        store.putFile(`${prefix}/told`, path, { sha256 }),
        store.putFile(`${prefix}/untold`, path),
      ];
      for (const digest of await Promise.all(puts))
        expect(digest).toEqual({ sizeBytes: content.length, sha256 });
      expect(sha256Of(await contentOf(`${prefix}/told`))).toBe(sha256);
      expect(sha256Of(await contentOf(`${prefix}/untold`))).toBe(sha256);
    });

    it('refuses a file that is not what the caller says, and keeps nothing of it', async () => {
      const sha256 = sha256Of(Buffer.from('expected'));
      for (const content of [Buffer.from('other'), randomBytes(9 * MIB)]) {
        const key = `${prefix}/wrong-${content.length}`;
        const refused = store.putFile(key, await localFile(content), { sha256 });
        await expect(refused).rejects.toMatchObject({ code: 'INTEGRITY_CHECK_FAILED' });
        expect(await store.stat(key)).toBeUndefined();
      }
    });

    it('takes the same content twice', async () => {
      for (const content of [randomBytes(1_000), randomBytes(9 * MIB)]) {
        const key = `${prefix}/twice-${content.length}`;
        expect(await put(key, content)).toEqual(await put(key, content));
        expect((await contentOf(key)).equals(content)).toBe(true);
      }
    });

    it('never overwrites', async () => {
      for (const [first, second] of [
        [Buffer.from('first'), Buffer.from('other')],
        [Buffer.from('small'), randomBytes(9 * MIB)],
        [randomBytes(9 * MIB), Buffer.from('small')],
        [randomBytes(9 * MIB), randomBytes(9 * MIB)],
      ] as const) {
        const key = `${prefix}/${randomUUID()}`;
        await put(key, first);
        await expect(put(key, second)).rejects.toBeInstanceOf(ObjectConflictError);
        expect((await contentOf(key)).equals(first)).toBe(true);
      }
    });

    it('lets exactly one of several racing contents win', async () => {
      const key = `${prefix}/raced`;
      const contents = Array.from({ length: 6 }, (_, i) => Buffer.alloc(50_000, i));
      const results = await Promise.allSettled(contents.map((content) => put(key, content)));
      const winners = results.flatMap((result, i) => (result.status === 'fulfilled' ? [i] : []));
      expect(winners).toHaveLength(1);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ObjectConflictError);
      }
      expect((await contentOf(key)).equals(contents[winners[0] ?? -1] ?? Buffer.alloc(0))).toBe(true);
    });

    it('lets several racing puts of one content all succeed', async () => {
      const content = randomBytes(50_000);
      await Promise.all(Array.from({ length: 6 }, () => put(`${prefix}/same`, content)));
      expect((await contentOf(`${prefix}/same`)).equals(content)).toBe(true);
    });

    it('reads any range of an object', async () => {
      const content = randomBytes(5_000);
      const key = `${prefix}/ranges`;
      await put(key, content);
      await fc.assert(
        fc.asyncProperty(
          fc.nat({ max: 6_000 }),
          fc.integer({ min: 1, max: 6_000 }),
          async (offset, length) => {
            const bytes = await store.read(key, { offset, length });
            expect(bytes.equals(content.subarray(offset, offset + length))).toBe(true);
          },
        ),
        { numRuns: 40 },
      );
    });

    it.each([
      [-1, 1],
      [0.5, 1],
      [0, 0],
      [0, -1],
      [Number.NaN, 1],
    ])('refuses to read from %p for %p', async (offset, length) => {
      await put(`${prefix}/r`, 'x');
      await expect(store.read(`${prefix}/r`, { offset, length })).rejects.toBeInstanceOf(RangeError);
    });

    it('says what it knows of an object', async () => {
      const before = Date.now();
      await put(`${prefix}/stat`, 'twelve bytes');
      const known = await store.stat(`${prefix}/stat`);
      expect(known?.sizeBytes).toBe(12);
      expect(Math.abs((known?.modifiedAt.getTime() ?? 0) - before)).toBeLessThan(60_000);
    });

    it('knows a missing object for missing', async () => {
      const key = `${prefix}/none/part.parquet`;
      const path = join(folder, randomUUID());
      expect(await store.stat(key)).toBeUndefined();
      await expect(store.getToFile(key, path)).rejects.toMatchObject({ name: 'ObjectNotFoundError', key });
      await expect(store.read(key, { offset: 0, length: 1 })).rejects.toBeInstanceOf(ObjectNotFoundError);
      await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('takes no folder for an object', async () => {
      await put(`${prefix}/folder/object`, 'x');
      expect(await store.stat(`${prefix}/folder`)).toBeUndefined();
      await expect(store.read(`${prefix}/folder`, { offset: 0, length: 1 })).rejects.toBeInstanceOf(
        ObjectNotFoundError,
      );
      await store.delete(`${prefix}/folder`);
      expect(await store.stat(`${prefix}/folder/object`)).toBeDefined();
    });

    it('does not write over a local file', async () => {
      await put(`${prefix}/local`, 'from the store');
      const path = await localFile('was here');
      await expect(store.getToFile(`${prefix}/local`, path)).rejects.toMatchObject({ code: 'EEXIST' });
      expect(await readFile(path, 'utf8')).toBe('was here');
    });

    it('rejects with the system error when there is no local file to put', async () => {
      await expect(store.putFile(`${prefix}/n`, join(folder, 'none'))).rejects.toMatchObject({
        code: 'ENOENT',
      });
    });

    it('deletes, and does not mind deleting again', async () => {
      const key = `${prefix}/gone`;
      await put(key, 'x');
      await store.delete(key);
      await store.delete(key);
      await store.delete(`${prefix}/never/was/here`);
      expect(await store.stat(key)).toBeUndefined();
      expect((await store.list(prefix, { limit: 10 })).objects).toEqual([]);
    });

    it('lists in the order of keys, page by page, with or without a slash at the prefix', async () => {
      const names = ['a', 'a-b', 'a.b', 'a0', 'ab/c', 'ab/c-d', 'ab-c/d', 'b/a/z', 'b/b', 'B', '_x', 'b=1/x'];
      await Promise.all(names.map((name) => put(`${prefix}/${name}`, name)));
      await put(`${prefix}-other/x`, 'x');
      const expected = names.map((name) => `${prefix}/${name}`).sort();
      for (const limit of [1, 5, names.length, 1000]) {
        const seen: string[] = [];
        for (let after: string | undefined = ''; after !== undefined;) {
          const page = await store.list(`${prefix}/`, { after, limit });
          expect(page.objects.length).toBeLessThanOrEqual(limit);
          seen.push(...page.objects.map((object) => object.key));
          after = page.next;
        }
        expect(seen).toEqual(expected);
      }
      const keysUnder = async (start: string) =>
        (await store.list(start, { limit: 100 })).objects.map((o) => o.key);
      expect(await keysUnder(`${prefix}/a`)).toEqual(expected.filter((key) => key.startsWith(`${prefix}/a`)));
      expect(await keysUnder(`${prefix}/ab/c`)).toEqual([`${prefix}/ab/c`, `${prefix}/ab/c-d`]);
      expect(await keysUnder(`${prefix}-`)).toEqual([`${prefix}-other/x`]);
      expect(await keysUnder(`${prefix}/zz`)).toEqual([]);
      const after = await store.list(prefix, { after: `${prefix}/ab/c`, limit: 100 });
      expect(after.objects.map((o) => o.key)).toEqual(expected.filter((key) => key > `${prefix}/ab/c`));
      expect(after.objects[0]).toMatchObject({ sizeBytes: 6 });
      expect(after.objects[0]?.modifiedAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
    });

    it.each([0, -1, 1001, 1.5])('refuses pages of %p', async (limit) => {
      await expect(store.list(prefix, { limit })).rejects.toBeInstanceOf(RangeError);
    });

    it.each(['', '/etc/passwd', '../up', 'a/../../up', 'a//b', 'a/', './a', 'a\0b', 'a\\b', 'ä', 'a b'])(
      'refuses the key %p everywhere',
      async (key) => {
        const path = await localFile('x');
        const target = join(folder, randomUUID());
        for (const call of [
          () => store.putFile(key, path),
          () => store.getToFile(key, target),
          () => store.read(key, { offset: 0, length: 1 }),
          () => store.stat(key),
          () => store.delete(key),
        ]) {
          await expect(call()).rejects.toBeInstanceOf(InvalidObjectKeyError);
        }
      },
    );

    it.each(['/', '../', 'a/../b', 'a//b', 'a\0'])('refuses to list below %p', async (bad) => {
      await expect(store.list(bad, { limit: 1 })).rejects.toBeInstanceOf(InvalidObjectKeyError);
    });

    it('does nothing for a caller who has gone', async () => {
      const key = `${prefix}/aborted`;
      await put(`${prefix}/there`, 'x');
      const signal = aborted();
      const path = await localFile('x');
      const target = join(folder, randomUUID());
      for (const call of [
        () => store.putFile(key, path, { signal }),
        () => store.getToFile(`${prefix}/there`, target, { signal }),
        () => store.read(`${prefix}/there`, { offset: 0, length: 1 }, { signal }),
        () => store.stat(`${prefix}/there`, { signal }),
        () => store.delete(`${prefix}/there`, { signal }),
        () => store.list(prefix, { limit: 1, signal }),
        () => store.check(signal),
      ]) {
        await expect(call()).rejects.toThrow('the caller went away');
      }
      expect((await store.list(prefix, { limit: 9 })).objects.map((o) => o.key)).toEqual([`${prefix}/there`]);
      expect(await readdir(folder)).not.toContain(target);
    });

    it('stops a large put and a large get when their caller goes', async () => {
      const content = randomBytes(24 * MIB);
      const path = await localFile(content);
      const sha256 = sha256Of(content);
      const leaving = new AbortController();
      const stopped = store.putFile(`${prefix}/half`, path, { sha256, signal: leaving.signal });
      setImmediate(() => leaving.abort(new Error('the caller went away')));
      await expect(stopped).rejects.toThrow('the caller went away');

      await store.putFile(`${prefix}/whole`, path, { sha256 });
      const target = join(folder, randomUUID());
      const leavingToo = new AbortController();
      const cut = store.getToFile(`${prefix}/whole`, target, { signal: leavingToo.signal });
      setImmediate(() => leavingToo.abort(new Error('the caller went away')));
      await expect(cut).rejects.toThrow('the caller went away');
      await expect(stat(target)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('answers the live call', async () => {
      await expect(store.check(new AbortController().signal)).resolves.toBeUndefined();
    });
  });
}

/** For adapters: `store` points at nothing that answers. */
export function describeUnreachableObjectStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`ObjectStore out of reach: ${name}`, () => {
    it('says so in every call, and never that an object is missing', async () => {
      const opened = await open();
      const { store } = opened;
      const folder = await mkdtemp(join(tmpdir(), 'tidemark-object-store-'));
      try {
        const path = join(folder, 'file');
        await writeFile(path, 'x');
        for (const call of [
          () => store.putFile('a/b', path),
          () => store.getToFile('a/b', join(folder, 'target')),
          () => store.read('a/b', { offset: 0, length: 1 }),
          () => store.stat('a/b'),
          () => store.delete('a/b'),
          () => store.list('a', { limit: 1 }),
          () => store.check(new AbortController().signal),
        ]) {
          const error = await call().then(
            () => undefined,
            (reason: unknown) => reason,
          );
          expect(error).toBeInstanceOf(AppError);
          expect(error).toMatchObject({
            code: 'DEPENDENCY_UNAVAILABLE',
            context: { dependency: 'object_store' },
          });
          expect((error as AppError).retryAfterMs).toBeGreaterThan(0);
        }
      } finally {
        await opened.close();
        await rm(folder, { recursive: true, force: true });
      }
    });
  });
}
