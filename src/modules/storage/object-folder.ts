import type { Dirent, Stats } from 'node:fs';
import { lstat, mkdir, readdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf, syncFolder } from './local-file.js';
import { assertObjectKey } from './object-keys.js';
import type { ObjectEntry } from './object-store.js';
import { InvalidObjectKeyError } from './storage.errors.js';

/**
 * Maps object keys to paths below a root, one folder per segment. It follows no symbolic link, so that no key leads
 * out of the root whatever was planted there.
 */
export class ObjectFolder {
  private root: string;
  /** Folders known to be on the disk, so that each is synced once. */
  private readonly synced = new Set<string>();

  constructor(root: string) {
    this.root = root;
  }

  /** Makes the root, and resolves it: links above it are the operator's choice. */
  async create(): Promise<void> {
    const first = await mkdir(this.root, { recursive: true });
    this.root = await realpath(this.root);
    if (first === undefined) return;
    for (let folder = this.root; folder.startsWith(first); folder = dirname(folder))
      await syncFolder(dirname(folder));
  }

  /** A path in the root that no key can have, "~" being none of their characters. */
  reserved(name: string): string {
    return join(this.root, `~${name}`);
  }

  /** The object's path; undefined where one of its folders is missing. The last part is not looked at. */
  async find(key: string): Promise<string | undefined> {
    assertObjectKey(key);
    await lstat(this.root);
    let path = this.root;
    const segments = key.split('/');
    for (const segment of segments.slice(0, -1)) {
      path = join(path, segment);
      const stats = await lstatIfAny(path);
      if (stats === undefined) return undefined;
      assertNoLink(key, stats);
      if (!stats.isDirectory()) return undefined;
    }
    return join(path, segments.at(-1) ?? '');
  }

  /** As `find`, but makes the folders that are missing, durably. */
  async findOrCreate(key: string): Promise<string> {
    assertObjectKey(key);
    await lstat(this.root);
    let path = this.root;
    const segments = key.split('/');
    for (const segment of segments.slice(0, -1)) {
      const parent = path;
      path = join(path, segment);
      await mkdir(path).catch((error: unknown) => {
        if (errnoOf(error) !== 'EEXIST') throw error;
      });
      const stats = await lstat(path);
      assertNoLink(key, stats);
      if (!stats.isDirectory())
        throw new InvalidObjectKeyError(key, 'another object is where one of its folders would be');
      if (this.synced.has(path)) continue;
      await syncFolder(parent);
      this.synced.add(path);
    }
    return join(path, segments.at(-1) ?? '');
  }

  /** Objects whose key begins with `prefix` and comes after `after`, in the order of their keys. */
  async *walk(prefix: string, after: string): AsyncGenerator<ObjectEntry> {
    await lstat(this.root);
    yield* this.walkBelow('', prefix, after);
  }

  private async *walkBelow(parent: string, prefix: string, after: string): AsyncGenerator<ObjectEntry> {
    for (const { key, isFolder } of await this.entriesOf(parent)) {
      if (isFolder) {
        const mayMatch = key.startsWith(prefix) || prefix.startsWith(key);
        const mayFollow = key > after || after.startsWith(key);
        if (mayMatch && mayFollow) yield* this.walkBelow(key, prefix, after);
      } else if (key.startsWith(prefix) && key > after) {
        const stats = await lstatIfAny(join(this.root, key));
        if (stats?.isFile()) yield { key, sizeBytes: stats.size, modifiedAt: stats.mtime };
      }
    }
  }

  /** Folders end with a slash, which gives the entries the order of the keys below them. */
  private async entriesOf(parent: string): Promise<{ key: string; isFolder: boolean }[]> {
    let entries: Dirent[];
    try {
      entries = await readdir(join(this.root, parent), { withFileTypes: true });
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
    return entries
      .filter((entry) => (entry.isDirectory() || entry.isFile()) && isSegment(entry.name))
      .map((entry) => {
        const isFolder = entry.isDirectory();
        return { key: `${parent}${entry.name}${isFolder ? '/' : ''}`, isFolder };
      })
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

function isSegment(name: string): boolean {
  try {
    assertObjectKey(name);
    return true;
  } catch {
    return false;
  }
}

function assertNoLink(key: string, stats: Stats): void {
  if (stats.isSymbolicLink()) throw new InvalidObjectKeyError(key, 'a symbolic link lies on its path');
}

async function lstatIfAny(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
