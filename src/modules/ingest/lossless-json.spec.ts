import fc from 'fast-check';
import { ExactNumber } from '../tables/index.js';
import { findJsonFault } from './json-fault.js';
import { JsonFaultError, parseLossless } from './lossless-json.js';

function parse(text: string, maxNesting = 64) {
  const bytes = Buffer.from(`##${text}##`);
  return parseLossless(bytes, 2, bytes.length - 2, maxNesting);
}

function faultOf(text: string, maxNesting?: number) {
  try {
    parse(text, maxNesting);
  } catch (error) {
    if (error instanceof JsonFaultError) return error.fault;
    throw error;
  }
  return undefined;
}

const membersOf = (value: unknown): number => {
  if (typeof value !== 'object' || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return own + Object.values(value).reduce((sum: number, member) => sum + membersOf(member), 0);
};

describe('parseLossless', () => {
  it('parses what JSON.parse parses, and counts the members', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 1, 2), (text, indent) => {
        const spaced = JSON.stringify(JSON.parse(text), null, indent);
        const { value, members } = parse(spaced);
        expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
        expect(members).toBe(membersOf(JSON.parse(text)));
      }),
    );
  });

  it('keeps every digit of every number', () => {
    const digits = fc.stringMatching(/^-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$/);
    fc.assert(
      fc.property(digits, (source) => {
        const { value } = parse(`{"a":[${source}]}`);
        const [number] = (value as { a: unknown[] }).a;
        if (number instanceof ExactNumber) expect(number.source).toBe(source);
        else expect(sameValue(String(number), source)).toBe(true);
        expect(sameValue(JSON.stringify(number), source)).toBe(true);
      }),
    );
  });

  it('keeps integers beyond 2^53, whatever stands before them', () => {
    const { value } = parse('{"a":"12\\"34","b":1,"c":9007199254740993,"d":-9223372036854775808}');
    expect(JSON.stringify(value)).toBe('{"a":"12\\"34","b":1,"c":9007199254740993,"d":-9223372036854775808}');
  });

  it.each(['1e309', '-1e400', '9'.repeat(400)])('refuses the number %s', (source) => {
    expect(faultOf(`{"a":[1,${source}]}`)).toMatchObject({ kind: 'number', path: '$.a[1]', position: 8 });
  });

  it.each([
    ['{"a":"\\ud800"}', '$.a'],
    ['{"a":["x","\\uDFFF y"]}', '$.a[1]'],
    ['{"\\ud83d":1}', '$'],
    ['{"a":"\\ude00\\ud83d"}', '$.a'],
  ])('refuses the lone surrogate in %s', (text, path) => {
    expect(faultOf(text)).toMatchObject({ kind: 'surrogate', path });
  });

  it('takes pairs of surrogates, and backslashes that look like escapes', () => {
    expect(parse('{"a":"\\ud83d\\ude00","b":"\\\\ud800"}').value).toEqual({ a: '😀', b: '\\ud800' });
  });

  it('refuses deep nesting before it costs anything', () => {
    expect(faultOf(`${'['.repeat(64)}${']'.repeat(64)}`)).toBeUndefined();
    expect(faultOf(`${'['.repeat(65)}${']'.repeat(65)}`)).toMatchObject({ kind: 'nesting', position: 64 });
    expect(faultOf('{"a":'.repeat(5_000_000))).toMatchObject({
      kind: 'nesting',
      path: `$${'.a'.repeat(64)}`,
    });
    expect(faultOf(`{"a":"${'['.repeat(1000)}"}`)).toBeUndefined();
  });

  it('counts a key that is there twice', () => {
    expect(parse('{"a":1,"b":{"a":2,"a":3}}').members).toBe(4);
    expect(parse('{"a:":"b:c","\\"":{"x":":"}}').members).toBe(3);
  });

  it('says where malformed text goes wrong', () => {
    const cases: [string, number][] = [
      ['', 0],
      ['{', 1],
      ['{"a":}', 5],
      ['{"a" 1}', 5],
      ['{"a":1,}', 7],
      ['[1 2]', 3],
      ['[1]x', 3],
      ['{"a":"x', 5],
      ['{"a":"\t"}', 5],
      ['{"a":"\\x"}', 5],
      ['{"a":01}', 6],
      ['{"a":1.}', 6],
      ['{"a":nul}', 5],
      ["{'a':1}", 1],
      ['{"a":NaN}', 5],
      ['{a:1}', 1],
    ];
    for (const [text, position] of cases) expect(faultOf(text)).toMatchObject({ kind: 'syntax', position });
  });

  it('finds a fault in exactly the texts that JSON.parse refuses', () => {
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '"', '}', ']', '\\', '0', 'e', '\u0001', ' '))
      .map(([text, at, put]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + put + text.slice(place + 1);
      });
    fc.assert(
      fc.property(broken, (text) => {
        let refused = false;
        try {
          JSON.parse(text);
        } catch {
          refused = true;
        }
        const fault = findJsonFault(text, 64);
        if (refused) expect(fault).toBeDefined();
        else expect(fault?.kind).not.toBe('syntax');
      }),
      { numRuns: 2000 },
    );
  });
});

/** Exact, by integers. */
function sameValue(a: string, b: string): boolean {
  const [left, right] = [toInteger(a), toInteger(b)];
  return left === right;
}

/** The value times 10^200: the sources have at most 40 places and exponents of two digits. */
function toInteger(text: string): bigint {
  const [, sign = '', whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  return BigInt(`${sign}${whole}${fraction}`) * 10n ** BigInt(200 + Number(power) - fraction.length);
}
