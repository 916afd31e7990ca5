import { jest } from '@jest/globals';
import { findJsonFault, type JsonText } from './json-fault.js';

/** A text that counts what is read of it. */
function counted(source: string) {
  const work = { reads: 0, cutCharacters: 0 };
  const text: JsonText = {
    length: source.length,
    charCodeAt: (at) => {
      work.reads += 1;
      return source.charCodeAt(at);
    },
    codePointAt: (at) => source.codePointAt(at),
    startsWith: (word, at) => source.startsWith(word, at),
    slice: (start, end) => {
      const cut = source.slice(start, end);
      work.cutCharacters += cut.length;
      return cut;
    },
  };
  return { text, work };
}

const N = 20_000;
const SYNTAX_AT_THE_END: readonly (readonly [string, string])[] = [
  ['numbers', `[${'1,'.repeat(N)}x`],
  ['long numbers', `[${'-123.456e7,'.repeat(N)}x`],
  ['members', `{${Array.from({ length: N }, (_, i) => `"${i}":1,`).join('')}x`],
  ['records', `{"records":[${'{"idempotency_key":"k","payload":{"a":[true,null]}},'.repeat(N)}x`],
  ['escapes', `[${'"\\u00e4\\n",'.repeat(N)}x`],
  ['space', `[${' '.repeat(N)}x`],
  ['one string', `["${'a'.repeat(N)}`],
  ['empty objects', `[${'{},'.repeat(N)}x`],
];

describe('the work of findJsonFault', () => {
  it.each(SYNTAX_AT_THE_END)('is a few reads a character, and no copies: %s', (_, source) => {
    const parse = jest.spyOn(JSON, 'parse');
    const { text, work } = counted(source);
    expect(findJsonFault(text, 64)).toMatchObject({ kind: 'syntax' });
    expect(work.reads).toBeLessThan(12 * source.length);
    expect(work.cutCharacters).toBeLessThan(source.length);
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });

  it('is two readings and one copy of the keys where a key is twice', () => {
    const records = Array.from({ length: N }, (_, i) => `{"key":${i},"other":"value"}`);
    records.push('{"a":1,"a":2}');
    const source = `[${records.join(',')}]`;
    const { text, work } = counted(source);
    expect(findJsonFault(text, 64)).toMatchObject({ kind: 'duplicate', path: `$[${N}].a` });
    expect(work.reads).toBeLessThan(12 * source.length);
    expect(work.cutCharacters).toBeLessThan(source.length);
  });

  it('names a fault of the text before a key that is there twice', () => {
    expect(findJsonFault('{"a":1,"a":2,}', 64)).toMatchObject({ kind: 'syntax', position: 13 });
    expect(findJsonFault('{"a":1,"\\u0061":2}', 64)).toMatchObject({
      kind: 'duplicate',
      position: 7,
      path: '$.a',
    });
  });
});
