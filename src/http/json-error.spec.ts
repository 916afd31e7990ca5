import fc from 'fast-check';
import { locateJsonError } from './json-error.js';

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('locateJsonError', () => {
  it('finds an error exactly where JSON.parse does', () => {
    const fragment = fc.constantFrom(
      ...'{}[]:,"\\ \n-0159.eEtrufalsn',
      'true',
      'null',
      '"a"',
      '\\u00e9',
      '1.5',
      '\u0001',
      'é',
    );
    const text = fc.oneof(
      fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join('')),
      fc.json().chain((json) => fc.nat(json.length).map((cut) => json.slice(0, cut))),
      fc.tuple(fc.json(), fc.nat(), fragment).map(([json, at, part]) => {
        const cut = at % (json.length + 1);
        return json.slice(0, cut) + part + json.slice(cut);
      }),
    );
    fc.assert(
      fc.property(text, (sample) => {
        expect(locateJsonError(sample) === undefined).toBe(isJson(sample));
      }),
      { numRuns: 3000, verbose: true },
    );
  });

  it('points behind a prefix that could still become JSON', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (json, at) => {
        const prefix = json.slice(0, at % json.length);
        const found = locateJsonError(prefix);
        if (found !== undefined && !/["\d.eE+\-truefalsn\\]$/.test(prefix))
          expect(found.offset).toBe(prefix.length);
      }),
      { verbose: true },
    );
  });

  it('counts lines and columns from 1', () => {
    expect(locateJsonError('{\n  "a": 1,\n  "b" 2\n}')).toEqual({
      offset: 18,
      line: 3,
      column: 7,
      expected: '":"',
    });
  });

  it('does not overflow on depth or length', () => {
    expect(locateJsonError('['.repeat(1_000_000))).toMatchObject({ offset: 1_000_000 });
    expect(locateJsonError(`"${'a'.repeat(1_000_000)}`)).toMatchObject({ offset: 1_000_001 });
  });
});
