import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../../src/kernel/index.js';
import { InvalidObjectKeyError } from '../../src/modules/storage/index.js';
import { FilesystemObjectStore } from '../../src/modules/storage/object-store.filesystem.js';

describe('FilesystemObjectStore', () => {
  let root: string;
  let directory: string;
  let store: FilesystemObjectStore;
  let file: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'tidemark-filesystem-store-'));
    directory = join(root, 'data', 'objects');
    file = join(root, 'file');
    await writeFile(file, 'content');
    store = new FilesystemObjectStore(directory);
    await store.open();
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const keysOf = async () => (await store.list('', { limit: 100 })).objects.map((object) => object.key);

  it('keeps an object as a read-only file under its key', async () => {
    await store.putFile('t/1/part', file);
    expect(await readFile(join(directory, 't/1/part'), 'utf8')).toBe('content');
    expect((await stat(join(directory, 't/1/part'))).mode & 0o777).toBe(0o444);
  });

  it('finds its objects after a restart', async () => {
    await store.putFile('t/1/part', file);
    const next = new FilesystemObjectStore(directory);
    await next.open();
    expect(await next.stat('t/1/part')).toMatchObject({ sizeBytes: 7 });
  });

  it('leaves no half write behind, whatever a put ended with', async () => {
    await store.putFile('t/1/part', file);
    await store.putFile('t/1/part', file);
    const other = join(root, 'other');
    await writeFile(other, 'another content');
    await expect(store.putFile('t/1/part', other)).rejects.toThrow('another content');
    await expect(store.putFile('t/1/wrong', file, { sha256: 'a'.repeat(64) })).rejects.toBeInstanceOf(
      AppError,
    );
    expect(await readdir(join(directory, '~incoming'))).toEqual([]);
    expect(await keysOf()).toEqual(['t/1/part']);
  });

  it('neither lists nor serves half writes of a killed process, and sweeps them at start', async () => {
    await writeFile(join(directory, '~incoming', 'left'), 'half');
    expect(await keysOf()).toEqual([]);
    await expect(store.stat('~incoming/left')).rejects.toBeInstanceOf(InvalidObjectKeyError);
    await store.open();
    expect(await readdir(join(directory, '~incoming'))).toEqual([]);
  });

  it('lists no file that no key can name', async () => {
    await store.putFile('t/ok', file);
    await writeFile(join(directory, 't', 'has space'), 'x');
    await writeFile(join(directory, 't', 'ö'), 'x');
    expect(await keysOf()).toEqual(['t/ok']);
  });

  describe('where symbolic links were planted', () => {
    let outside: string;
    beforeEach(async () => {
      outside = join(root, 'outside');
      await mkdir(outside);
      await writeFile(join(outside, 'secret'), 'secret');
      await mkdir(join(directory, 't'));
      await symlink(outside, join(directory, 't', 'folder'));
      await symlink(join(outside, 'secret'), join(directory, 't', 'file'));
    });

    it.each(['t/folder/secret', 't/file'])('refuses to read through them: %s', async (key) => {
      const target = join(root, 'target');
      for (const call of [
        () => store.getToFile(key, target),
        () => store.read(key, { offset: 0, length: 1 }),
        () => store.stat(key),
      ]) {
        await expect(call()).rejects.toBeInstanceOf(InvalidObjectKeyError);
      }
      await expect(stat(target)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('refuses to write through them', async () => {
      for (const key of ['t/folder/new', 't/folder/deeper/new', 't/file']) {
        await expect(store.putFile(key, file)).rejects.toBeInstanceOf(InvalidObjectKeyError);
      }
      expect(await readdir(outside)).toEqual(['secret']);
      expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret');
    });

    it('deletes nothing through them, and lists nothing', async () => {
      await expect(store.delete('t/folder/secret')).rejects.toBeInstanceOf(InvalidObjectKeyError);
      await store.delete('t/file');
      expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret');
      expect(await keysOf()).toEqual([]);
    });

    it('follows a link above its root: that is the choice of who set it up', async () => {
      await symlink(join(root, 'data'), join(root, 'link'));
      const linked = new FilesystemObjectStore(join(root, 'link', 'objects'));
      await linked.open();
      await linked.putFile('u/1', file);
      expect(await store.stat('u/1')).toMatchObject({ sizeBytes: 7 });
    });
  });

  it('refuses a key below another object', async () => {
    await store.putFile('t/1', file);
    await expect(store.putFile('t/1/below', file)).rejects.toBeInstanceOf(InvalidObjectKeyError);
    expect(await store.stat('t/1/below')).toBeUndefined();
  });

  it('names the setting where the folder cannot be used', async () => {
    const broken = new FilesystemObjectStore(join(file, 'objects'));
    const error = await broken.open().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'DEPENDENCY_UNAVAILABLE' });
    expect(broken.misconfiguration(error)).toMatch(/ENOTDIR.*TIDEMARK_DATA_DIR/);
  });

  it('says that it is not available when its folder is gone', async () => {
    await rm(directory, { recursive: true });
    await expect(store.check(new AbortController().signal)).rejects.toMatchObject({
      code: 'DEPENDENCY_UNAVAILABLE',
    });
    const error = await store.stat('t/1').catch((reason: unknown) => reason);
    expect(store.misconfiguration(error)).toBeUndefined();
  });
});
