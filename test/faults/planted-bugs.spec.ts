import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { applyEdit } from './planted-build.js';
import { PLANTED_BUGS } from './planted-bugs.js';

const DIST = resolve(import.meta.dirname, '../..', process.env.TIDEMARK_TEST_DIST ?? 'dist');

describe('planted bugs', () => {
  it.each(PLANTED_BUGS.map((bug) => [bug.name, bug] as const))(
    '%s still fits the build',
    (name, { edits }) => {
      const sources = new Map<string, string>();
      for (const edit of edits) {
        const source = sources.get(edit.file) ?? readFileSync(join(DIST, edit.file), 'utf8');
        sources.set(edit.file, applyEdit(source, edit, name));
      }
      expect(sources.size).toBeGreaterThan(0);
    },
  );

  it('fails loudly where an anchor is not there, or more than once', () => {
    const edit = { file: 'a.js', anchor: 'x', text: 'y' };
    expect(() => applyEdit('abc', edit, 'bug')).toThrow('0 times in a.js');
    expect(() => applyEdit('xx', edit, 'bug')).toThrow('2 times in a.js');
    expect(applyEdit('axb', edit, 'bug')).toBe('ayb');
  });
});
