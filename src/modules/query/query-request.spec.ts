import { AppError } from '../../kernel/index.js';
import { queryParameters, snapshotSelector } from './query-request.js';

function pathOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.code).toBe('REQUEST_INVALID');
    const { violations } = error.context as { violations: { path: string }[] };
    return violations.map(({ path }) => path).join();
  }
  throw new Error('nothing was refused');
}

describe('snapshotSelector', () => {
  const sql = 'SELECT 1';

  it('takes one way to say it', () => {
    expect(snapshotSelector({ sql })).toEqual({ kind: 'latest' });
    expect(snapshotSelector({ sql, snapshot_id: 0 })).toEqual({ kind: 'id', snapshotId: 0 });
    expect(snapshotSelector({ sql, snapshot_time: '2026-03-01T10:30:00.5+01:00' })).toEqual({
      kind: 'time',
      at: new Date('2026-03-01T09:30:00.500Z'),
    });
    expect(snapshotSelector({ sql, min_visibility_token: 7, consistency_timeout_ms: 0 })).toEqual({
      kind: 'latest',
      minVisibilityToken: 7,
      timeoutMs: 0,
    });
  });

  it.each([
    ['$.snapshot_time', { snapshot_id: 1, snapshot_time: '2026-03-01T09:30:00Z' }],
    ['$.min_visibility_token', { snapshot_id: 1, min_visibility_token: 7 }],
    ['$.consistency_timeout_ms', { snapshot_id: 1, consistency_timeout_ms: 7 }],
    ['$.snapshot_time', { snapshot_time: 'yesterday' }],
    ['$.snapshot_time', { snapshot_time: '2026-03-01T09:30:00' }],
  ])('names %s', (path, fields) => {
    expect(pathOf(() => snapshotSelector({ sql, ...fields }))).toBe(path);
  });
});

describe('queryParameters', () => {
  it('takes bare and typed values by position and by name', () => {
    const values = [
      'a',
      1,
      1.5,
      true,
      null,
      1e300,
      { type: 'decimal(4,2)', value: '1.00' },
      { type: 'double', value: 2 ** 53 },
    ];
    expect(queryParameters(values)).toEqual(values);
    expect(queryParameters({ a: 1, b: { type: 'list<long>', value: [1] } })).toEqual({
      a: 1,
      b: { type: 'list<long>', value: [1] },
    });
    expect(queryParameters(undefined)).toEqual([]);
  });

  it.each([
    ['$.params', 'text'],
    ['$.params[0]', [[1, 2]]],
    ['$.params[1]', [1, 2 ** 53]],
    ['$.params.a.type', { a: { type: 'money', value: 1 } }],
    ['$.params.a.value', { a: { type: 'long' } }],
    ['$.params.a.more', { a: { type: 'long', value: 1, more: 2 } }],
    ['$.params.a.type', { a: {} }],
    ['$.params', Array.from({ length: 1001 }, () => 1)],
    ['$.params[0].type', [{ type: `${'list<'.repeat(100_000)}int${'>'.repeat(100_000)}`, value: 1 }]],
    ['$.params[0]', [Infinity]],
    ['$.params[0].value', [{ type: 'double', value: -Infinity }]],
    ['$.params[0].value[1]', [{ type: 'list<double>', value: [1, Infinity] }]],
    ['$.params.a.value', { a: { type: 'long', value: 2 ** 53 } }],
    ['$.params.a.value.b[0]', { a: { type: 'json', value: { b: [2 ** 53] } } }],
  ])('names %s', (path, params) => {
    expect(pathOf(() => queryParameters(params))).toBe(path);
  });
});
