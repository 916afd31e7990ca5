import { maxWidth, parseTransform } from './partition-spec.js';

describe('parseTransform', () => {
  it.each([
    ['identity', { kind: 'identity' }],
    ['hour', { kind: 'hour' }],
    ['bucket(16)', { kind: 'bucket', width: 16 }],
    ['truncate(2147483647)', { kind: 'truncate', width: 2147483647 }],
  ])('reads %s', (text, transform) => expect(parseTransform(text)).toEqual(transform));

  it.each([
    '',
    'Hour',
    'hours',
    'void',
    'bucket',
    'bucket()',
    'bucket(0)',
    'bucket(-1)',
    'bucket(01)',
    'bucket(1.5)',
    'bucket( 4)',
    'bucket(12345678901)',
    'day(1)',
    'truncate(4)x',
    'hour\n',
  ])('refuses %p', (text) => expect(parseTransform(text)).toBeUndefined());
});

it('bounds n by the transform and the type of its column', () => {
  expect(maxWidth('bucket', 'string')).toBe(4096);
  expect(maxWidth('truncate', 'string')).toBe(64);
  expect(maxWidth('truncate', 'long')).toBe(2147483647);
  expect(maxWidth('day', 'date')).toBeUndefined();
});
