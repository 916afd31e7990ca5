import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Edit, Mistake } from './planted-bugs.js';

const ROOT = resolve(import.meta.dirname, '../..');

/** A copy of the build that runs by itself, in a new folder. Answers its `dist`. */
export function copyBuild(dist: string, folder: string): string {
  const copy = join(folder, 'dist');
  mkdirSync(folder, { recursive: true });
  cpSync(dist, copy, { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  return copy;
}

/** A copy of the build with the bug in it. Throws where an anchor is not there once. */
export function plantBug(bug: Mistake, dist: string, folder: string): string {
  const copy = copyBuild(dist, folder);
  for (const edit of bug.edits) {
    const path = join(copy, edit.file);
    writeFileSync(path, applyEdit(readFileSync(path, 'utf8'), edit, bug.name));
  }
  return copy;
}

export function applyEdit(source: string, { file, anchor, text }: Edit, bug: string): string {
  const parts = source.split(anchor);
  if (parts.length !== 2) {
    throw new Error(
      `the planted bug "${bug}" has its anchor ${parts.length - 1} times in ${file}, not once; the code around it has changed:\n${anchor}`,
    );
  }
  return parts.join(text);
}
