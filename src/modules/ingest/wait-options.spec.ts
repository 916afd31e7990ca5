import { readRequestKey } from './request-key.js';
import { readWaitOptions } from './wait-options.js';

const LIMITS = { timeoutMs: 5_000, maxTimeoutMs: 60_000 };

describe('readWaitOptions', () => {
  it('reads the body and the query string', () => {
    expect(readWaitOptions({}, {}, LIMITS)).toEqual({ wait: false, timeoutMs: 5_000 });
    expect(readWaitOptions({ wait_for_visibility: true, visibility_timeout_ms: 0 }, {}, LIMITS)).toEqual({
      wait: true,
      timeoutMs: 0,
    });
    expect(
      readWaitOptions({}, { wait_for_visibility: 'true', visibility_timeout_ms: '250' }, LIMITS),
    ).toEqual({ wait: true, timeoutMs: 250 });
  });

  it('cuts long waits', () => {
    expect(readWaitOptions({ visibility_timeout_ms: 1e15 }, {}, LIMITS).timeoutMs).toBe(60_000);
  });

  it.each<[Record<string, unknown>, Record<string, unknown>]>([
    [{ wait_for_visibility: 'true' }, {}],
    [{ visibility_timeout_ms: -1 }, {}],
    [{ visibility_timeout_ms: 1.5 }, {}],
    [{ visibility_timeout_ms: '100' }, {}],
    [{}, { wait_for_visibility: '1' }],
    [{}, { wait_for_visibility: ['true', 'true'] }],
    [{}, { visibility_timeout_ms: '-1' }],
    [{}, { visibility_timeout_ms: '1e3' }],
    [{}, { on_invalid: 'quarantine' }],
    [{}, { other: '1' }],
    [{ wait_for_visibility: true }, { wait_for_visibility: 'true' }],
  ])('refuses %p with %p', (body, queryString) => {
    expect(() => readWaitOptions(body, queryString, LIMITS)).toThrow();
  });
});

describe('readRequestKey', () => {
  it('reads the bytes of the header as UTF-8', () => {
    expect(readRequestKey(undefined)).toBeUndefined();
    expect(readRequestKey('batch-1')).toBe('batch-1');
    expect(readRequestKey(Buffer.from('größe').toString('latin1'))).toBe('größe');
  });

  it.each(['', 'x'.repeat(513), '\xff', 'ü'.repeat(300)])('refuses %p', (header) => {
    expect(() => readRequestKey(header)).toThrow();
  });
});
