import fc from 'fast-check';
import { CanonicalWriter, contentHash, ValueTooLongError } from './canonical-form.js';
import { parseLossless } from './lossless-json.js';

const write = (value: unknown) => new CanonicalWriter().write(value);
const writeText = (text: string) =>
  write(parseLossless(Buffer.from(text), 0, Buffer.byteLength(text), 64).value);

/** The same value with the keys of all its objects in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reordered(member)]),
  );
}

describe('canonical form', () => {
  const json = fc.jsonValue({ depthSize: 'medium' });

  it('does not depend on the order of keys', () => {
    fc.assert(fc.property(json, (value) => void expect(write(reordered(value))).toBe(write(value))));
  });

  it('differs for different values', () => {
    const sorted = (value: unknown): string => JSON.stringify(sortKeys(value));
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(write(a) === write(b)).toBe(sorted(a) === sorted(b));
      }),
      { numRuns: 2000 },
    );
  });

  it('tells apart what runs together easily', () => {
    const texts = [
      '{"a":"b"}',
      '{"ab":""}',
      '["a","b"]',
      '["ab"]',
      '[["a"],"b"]',
      '[["a","b"]]',
      '"1"',
      '1',
      '"t"',
      'true',
    ];
    texts.push(
      'null',
      '"z"',
      '{}',
      '[]',
      '""',
      '{"a":null}',
      '{"a":{}}',
      '"s1:a"',
      '["s1:a"]',
      '12',
      '[1,2]',
      '"n1;"',
    );
    expect(new Set(texts.map(writeText)).size).toBe(texts.length);
  });

  it('takes numbers by their exact value', () => {
    const same = [
      ['1', '1.0', '1e0', '10E-1', '1.0000000000000000000'],
      ['0', '-0', '0.0', '0e5'],
      ['9007199254740993', '9007199254740993.0', '9007199254740993e0'],
      ['0.1', '0.10', '1e-1', '0.1000000000000000000000'],
      ['1152921504606847000', '1.152921504606847e18'],
    ];
    const forms = same.map((texts) => new Set(texts.map(writeText)));
    for (const form of forms) expect(form.size).toBe(1);
    expect(writeText('9007199254740993')).not.toBe(writeText('9007199254740992'));
    expect(writeText('0.1')).not.toBe(writeText('0.1000000000000000055511151231257827'));
  });

  it('counts the members that it wrote', () => {
    const writer = new CanonicalWriter();
    writer.write({ a: { b: 1, c: [{ d: 1 }] } });
    writer.write({ e: 1 });
    expect(writer.members).toBe(5);
  });

  it('keeps apart objects that have the keys of the one before in another order', () => {
    const writer = new CanonicalWriter();
    expect(writer.write({ b: 1, a: 2 })).toBe(writer.write({ a: 2, b: 1 }));
    expect(writer.write({ b: 2, a: 1 })).not.toBe(writer.write({ b: 1, a: 2 }));
  });
});

describe('a value that is too long', () => {
  it.each([
    ['a list', Array<number>(5_000_000).fill(1)],
    ['lists in a list', [1, [2, Array<object>(5_000_000).fill([])]]],
    ['an object', Object.fromEntries(Array.from({ length: 900_000 }, (_, index) => [index, 1]))],
    ['strings', { a: ['x'.repeat(5_000_000), 'y'.repeat(5_000_000)] }],
  ])('as %s is given up early', (_, value) => {
    expect(() => write(value)).toThrow(ValueTooLongError);
  });

  it('is one whose JSON text is: the form is never twice as long', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(write(value).length).toBeLessThanOrEqual(2 * JSON.stringify(value).length + 2);
      }),
    );
  });
});

describe('contentHash', () => {
  it('covers op, event time and payload in 128 bits', () => {
    const hashes = [
      contentHash('insert', undefined, 'x'),
      contentHash('delete', undefined, 'x'),
      contentHash('insert', '2024-01-01T00:00:00Z', 'x'),
      contentHash('insert', undefined, 'y'),
    ];
    expect(new Set(hashes).size).toBe(4);
    for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{32}$/);
  });

  it('never changes: what is in the ledger must be found again', () => {
    const payload = writeText('{"b":[1,2.5,"x",null,true],"a":{"n":12345678901234567890}}');
    expect(contentHash('insert', '2024-01-01T00:00:00Z', payload)).toBe('e4f5e737f80fde447f8f0daa52ace344');
  });
});

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return ['array', value.map(sortKeys)];
  // JSON.stringify writes -0 as 0, which are one here.
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, member]): [string, unknown] => [key, sortKeys(member)]);
  return ['object', entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))];
}
