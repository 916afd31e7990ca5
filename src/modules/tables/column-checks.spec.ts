import fc from 'fast-check';
import { parseType } from '../../kernel/index.js';
import { REFUSED } from './column-checks.js';
import { ExactNumber, toExactNumber } from './exact-number.js';
import { checkedType } from './field-checks.js';

const check = (type: string, value: unknown): unknown => checkedType(parseType(type)).check(value);
const exact = (source: string): unknown => toExactNumber(source, Number(source));

describe('column checks', () => {
  const passes: [string, unknown, unknown][] = [
    ['boolean', true, true],
    ['int', -2147483648, -2147483648],
    ['int', 2147483647, 2147483647],
    ['long', 5, 5],
    ['long', '5', 5],
    ['long', '-9223372036854775808', '-9223372036854775808'],
    ['long', exact('9223372036854775807'), '9223372036854775807'],
    ['long', exact('9007199254740993'), '9007199254740993'],
    ['long', 1152921504606847000, '1152921504606847000'],
    ['long', '-0', 0],
    ['float', 0.1, 0.1],
    ['float', 16777216, 16777216],
    ['float', 123456790000, 123456790000],
    ['double', 1.7976931348623157e308, 1.7976931348623157e308],
    ['double', exact('0.12345678901234567890'), 0.12345678901234568],
    ['double', 2 ** 60, 2 ** 60],
    ['double', 'NaN', 'NaN'],
    ['double', 'Infinity', 'Infinity'],
    ['float', '-Infinity', '-Infinity'],
    ['decimal(5,2)', 1.1, '1.10'],
    ['decimal(5,2)', -0.5, '-0.50'],
    ['decimal(5,2)', '999.99', '999.99'],
    ['decimal(5,2)', '1.1000', '1.10'],
    ['decimal(5,2)', '1e2', '100.00'],
    ['decimal(5,2)', '-0.00', '0.00'],
    ['decimal(3,0)', 999, '999'],
    ['decimal(38,0)', 1e37, `1${'0'.repeat(37)}`],
    [
      'decimal(38,38)',
      '0.12345678901234567890123456789012345678',
      '0.12345678901234567890123456789012345678',
    ],
    ['decimal(38,10)', exact('1234567890123456789.0123456789'), '1234567890123456789.0123456789'],
    ['decimal(10,8)', 1e-7, '0.00000010'],
    ['string', '', ''],
    ['uuid', '550E8400-E29B-41D4-A716-446655440000', '550e8400-e29b-41d4-a716-446655440000'],
    ['binary', '', ''],
    ['binary', 'AA==', 'AA=='],
    ['binary', '+/8=', '+/8='],
    ['binary', 'AAECAwQF', 'AAECAwQF'],
    ['time', '00:00:00', '00:00:00'],
    ['time', '23:59:59.999999', '23:59:59.999999'],
    ['time', '12:30:00.5', '12:30:00.500000'],
    ['time', '12:30:00.000', '12:30:00'],
    ['time', '12:30:00.123456000', '12:30:00.123456'],
    ['date', '2024-02-29', '2024-02-29'],
    ['date', '0001-01-01', '0001-01-01'],
    ['timestamp', '2024-02-29T23:59:59', '2024-02-29T23:59:59'],
    ['timestamp', '2024-02-29t23:59:59.1', '2024-02-29T23:59:59.100000'],
    ['timestamp', '2024-02-29T23:59:59.123456000', '2024-02-29T23:59:59.123456'],
    ['timestamptz', '2024-03-01T00:30:00.5+01:00', '2024-02-29T23:30:00.500000Z'],
    ['timestamptz', '2024-03-01T00:00:00.000Z', '2024-03-01T00:00:00Z'],
    ['timestamptz', '2024-03-01t00:00:00z', '2024-03-01T00:00:00Z'],
    ['timestamptz', 1709251200123, '2024-03-01T00:00:00.123000Z'],
    ['timestamptz', -1, '1969-12-31T23:59:59.999000Z'],
    ['json', { a: [1, null] }, '{"a":[1,null]}'],
    ['json', 'text', '"text"'],
    ['list<long>', [1, '2', exact('9007199254740993'), null], [1, 2, '9007199254740993', null]],
    ['list<list<decimal(3,1)>>', [[], [1, '2.5']], [[], ['1.0', '2.5']]],
    ['struct<a: uuid, b: json>', { b: [1] }, { b: '[1]' }],
    ['struct<a: int default 7, b: int not null>', { b: 1 }, { a: 7, b: 1 }],
    ['struct<a: int default 7>', { a: null }, { a: null }],
    ['list<struct<t: time>>', [{ t: '01:02:03.4' }, {}, null], [{ t: '01:02:03.400000' }, {}, null]],
    ['json', { n: exact('12345678901234567890.50') }, '{"n":12345678901234567890.50}'],
  ];
  it.each(passes)('%s takes %p', (type, value, expected) => {
    expect(check(type, value)).toStrictEqual(expected);
  });

  const refusals: [string, unknown][] = [
    ['boolean', 'true'],
    ['boolean', 1],
    ['int', 2147483648],
    ['int', 1.5],
    ['int', '1'],
    ['int', exact('12345678901234567890')],
    ['long', 1.5],
    ['long', '1.0'],
    ['long', '007'],
    ['long', ' 1'],
    ['long', ''],
    ['long', true],
    ['long', '9223372036854775808'],
    ['long', exact('-9223372036854775809')],
    ['long', 1e300],
    ['float', 3.5e38],
    ['float', 16777217],
    ['float', '1'],
    ['float', 'nan'],
    ['double', 'inf'],
    ['double', '+Infinity'],
    ['double', exact('9007199254740993')],
    ['double', '1'],
    ['decimal(5,2)', 1.111],
    ['decimal(5,2)', 1000],
    ['decimal(5,2)', '1000.00'],
    ['decimal(5,2)', '1,0'],
    ['decimal(5,2)', '0x1'],
    ['decimal(5,2)', '1e999999999'],
    ['decimal(5,2)', '1e-999999999'],
    ['decimal(5,2)', 1e300],
    ['decimal(2,2)', 1],
    ['decimal(5,2)', true],
    ['string', 1],
    ['string', exact('12345678901234567890')],
    ['uuid', '550e8400e29b41d4a716446655440000'],
    ['uuid', '550e8400-e29b-41d4-a716-44665544000g'],
    ['binary', 'AA'],
    ['binary', 'AB=='],
    ['binary', 'AAB='],
    ['binary', 'A==='],
    ['binary', '===='],
    ['binary', 'AA==AA=='],
    ['binary', '-_8='],
    ['binary', 'AA= ='],
    ['binary', 'AAAA\n'],
    ['binary', 0],
    ['time', '24:00:00'],
    ['time', '12:60:00'],
    ['time', '12:00:60'],
    ['time', '12:00'],
    ['time', '12:00:00.'],
    ['time', '12:00:00.1234567'],
    ['time', '12:00:00Z'],
    ['time', '1:00:00'],
    ['time', 43200],
    ['list<int>', 1],
    ['list<int>', { 0: 1 }],
    ['list<int>', [1, 'x']],
    ['list<int not null>', [1, null]],
    ['list<list<int>>', [1]],
    ['struct<a: int>', [1]],
    ['struct<a: int>', 'a'],
    ['struct<a: int>', exact('12345678901234567890')],
    ['struct<a: int>', { a: 1, b: 2 }],
    ['struct<a: int>', { A: 1 }],
    ['struct<a: int not null>', {}],
    ['struct<a: int not null>', { a: null }],
    ['struct<a: struct<b: list<int>>>', { a: { b: ['1'] } }],
    ['date', '2023-02-29'],
    ['date', '1900-02-29'],
    ['date', '0000-01-01'],
    ['date', '2024-13-01'],
    ['date', '2024-01-01T00:00:00Z'],
    ['date', 20240101],
    ['timestamp', '2024-01-01T00:00:00Z'],
    ['timestamp', '2024-01-01 00:00:00'],
    ['timestamp', '2024-01-01T24:00:00'],
    ['timestamp', '2024-01-01T00:00:00.'],
    ['timestamp', '2024-01-01T00:00:00.1234567'],
    ['timestamptz', '2024-01-01T00:00:00'],
    ['timestamptz', '2024-01-01T00:00:60Z'],
    ['timestamptz', '2024-01-01T00:00:00.1234567Z'],
    ['timestamptz', '2024-01-01T00:00:00+0100'],
    ['timestamptz', '2024-01-01T00:00:00+24:00'],
    ['timestamptz', '2024-01-01T00:00:00ZZ'],
    ['timestamptz', '0001-01-01T00:00:00+01:00'],
    ['timestamptz', '9999-12-31T23:59:59-00:01'],
    ['timestamptz', 1.5],
    ['timestamptz', 8.64e15],
    ['timestamptz', exact('17092512001230000000')],
  ];
  it.each(refusals)('%s refuses %p', (type, value) => {
    expect(check(type, value)).toBe(REFUSED);
  });

  it('takes what it answered again, unchanged', () => {
    const values = passes.filter(([type]) => !type.includes('json'));
    for (const [type, , answered] of values) expect(check(type, answered)).toStrictEqual(answered);
  });

  it('keeps the value of every decimal that fits', () => {
    const decimal = fc
      .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 38n - 1n }), fc.integer({ min: 0, max: 38 }))
      .map(([negative, unscaled, scale]) => {
        const digits = String(unscaled).padStart(scale + 1, '0');
        const text = `${digits.slice(0, digits.length - scale)}${scale > 0 ? '.' : ''}${digits.slice(digits.length - scale)}`;
        return { text: negative && unscaled > 0n ? `-${text}` : text, scale };
      });
    fc.assert(
      fc.property(decimal, ({ text, scale }) => {
        expect(check(`decimal(38,${scale})`, text)).toBe(text);
        expect(check(`decimal(38,${scale})`, exact(text))).toBe(text);
      }),
    );
  });

  it('keeps the digits of every 64-bit integer, whichever way it is sent', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (integer) => {
        const text = String(integer);
        expect(String(check('long', text))).toBe(text);
        expect(String(check('long', exact(text)))).toBe(text);
      }),
    );
  });

  it('agrees with Date on instants', () => {
    const instant = fc.date({
      min: new Date('0001-01-02'),
      max: new Date('9999-12-30'),
      noInvalidDate: true,
    });
    const minutes = fc.integer({ min: -1439, max: 1439 });
    fc.assert(
      fc.property(instant, minutes, (date, offset) => {
        const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 23);
        const sign = offset < 0 ? '-' : '+';
        const two = (n: number) => String(n).padStart(2, '0');
        const zone = `${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
        const text = check('timestamptz', local + zone);
        expect(Date.parse(String(text))).toBe(date.getTime());
        expect(check('timestamptz', date.getTime())).toBe(text);
      }),
    );
  });
});

describe('exact numbers', () => {
  it('are doubles where the shortest text of the double has the same value', () => {
    expect(exact('1.0')).toBe(1);
    expect(exact('1e2')).toBe(100);
    expect(exact('1152921504606847000')).toBe(2 ** 60);
    expect(exact('0.1000')).toBe(0.1);
    expect(exact('9007199254740993')).toBeInstanceOf(ExactNumber);
    expect(exact('0.1000000000000000055')).toBeInstanceOf(ExactNumber);
  });
});
