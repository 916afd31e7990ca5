import { readIngestOptions } from './ingest-options.js';
import { readRequestKey } from './request-key.js';

const LIMITS = { timeoutMs: 5_000, maxTimeoutMs: 60_000 };

describe('readIngestOptions', () => {
  it('reads the body and the query string', () => {
    expect(readIngestOptions({}, {}, LIMITS)).toEqual({
      quarantine: false,
      wait: false,
      timeoutMs: 5_000,
    });
    expect(
      readIngestOptions({ wait_for_visibility: true, visibility_timeout_ms: 0 }, {}, LIMITS),
    ).toMatchObject({
      wait: true,
      timeoutMs: 0,
    });
    expect(
      readIngestOptions({}, { wait_for_visibility: 'true', visibility_timeout_ms: '250' }, LIMITS),
    ).toMatchObject({ wait: true, timeoutMs: 250 });
  });

  it('reads what is to become of records that do not fit, from either', () => {
    expect(readIngestOptions({ on_invalid: 'quarantine' }, {}, LIMITS).quarantine).toBe(true);
    expect(readIngestOptions({}, { on_invalid: 'quarantine' }, LIMITS).quarantine).toBe(true);
    expect(readIngestOptions({ on_invalid: 'refuse' }, {}, LIMITS).quarantine).toBe(false);
  });

  it('cuts long waits', () => {
    expect(readIngestOptions({ visibility_timeout_ms: 1e15 }, {}, LIMITS).timeoutMs).toBe(60_000);
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
    [{}, { on_invalid: 'drop' }],
    [{ on_invalid: null }, {}],
    [{ on_invalid: 'quarantine' }, { on_invalid: 'quarantine' }],
    [{}, { other: '1' }],
    [{ wait_for_visibility: true }, { wait_for_visibility: 'true' }],
  ])('refuses %p with %p', (body, queryString) => {
    expect(() => readIngestOptions(body, queryString, LIMITS)).toThrow();
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
