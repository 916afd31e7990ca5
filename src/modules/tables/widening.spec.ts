import { isWider, widerTypes } from './widening.js';

const TYPES = [
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'decimal(10,2)',
  'decimal(18,2)',
  'decimal(18,4)',
  'decimal(38,2)',
  'string',
  'uuid',
  'date',
  'timestamp',
  'timestamptz',
  'json',
];

describe('widening', () => {
  it('takes an int to a long, a float to a double, and a decimal to more digits before the point', () => {
    const pairs = TYPES.flatMap((from) =>
      TYPES.filter((to) => isWider(from, to)).map((to) => `${from} > ${to}`),
    );
    expect(pairs).toEqual([
      'int > long',
      'float > double',
      'decimal(10,2) > decimal(18,2)',
      'decimal(10,2) > decimal(38,2)',
      'decimal(18,2) > decimal(38,2)',
    ]);
  });

  it('says what a type may become', () => {
    expect(widerTypes('int')).toEqual(['long']);
    expect(widerTypes('decimal(10,2)')).toEqual(['decimal(p,2) with 11 <= p <= 38']);
    expect(widerTypes('decimal(38,2)')).toEqual([]);
    expect(widerTypes('string')).toEqual([]);
    expect(widerTypes('no type')).toEqual([]);
  });
});
