import { readIfMatch } from './if-match.js';

describe('If-Match', () => {
  it.each([
    [undefined, undefined],
    ['*', undefined],
    ['"3"', ['3']],
    [' W/"3" ', ['3']],
    ['"3", W/"4"', ['3', '4']],
    ['""', ['']],
  ])('reads %p', (header, tags) => expect(readIfMatch(header)).toEqual(tags));

  it.each(['', '3', '"3', '"3" "4"', '"3",', '*, "3"', `"${'x'.repeat(65)}"`])('refuses %p', (header) => {
    expect(() => readIfMatch(header)).toThrow(/If-Match/);
  });
});
