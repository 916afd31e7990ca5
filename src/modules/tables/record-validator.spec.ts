import type { Column } from '../../kernel/index.js';
import { RecordValidator } from './record-validator.js';

const COLUMNS: readonly Column[] = [
  { id: 5, name: 'id', type: 'long', nullable: false, default: 7 },
  { id: 6, name: 'v', type: 'int', nullable: false, default: 1 },
];

const keyed = new RecordValidator(COLUMNS, [5]);

function taken(op: 'insert' | 'upsert' | 'delete', payload: Record<string, unknown>) {
  return keyed.for(op)?.normalise(payload) === true ? payload : undefined;
}

describe('RecordValidator', () => {
  it('takes inserts only where there is no key', () => {
    const keyless = new RecordValidator(COLUMNS);
    expect(keyless.for('insert')).toBeDefined();
    expect([keyless.for('upsert'), keyless.for('delete')]).toEqual([undefined, undefined]);
  });

  it('matches one that makes the same of every record, whatever the field ids', () => {
    const others = COLUMNS.map((column) => ({ ...column, id: column.id + 10 }));
    expect(keyed.matches(new RecordValidator(others, [15]))).toBe(true);
    for (const other of [
      new RecordValidator(COLUMNS),
      new RecordValidator(COLUMNS, [6]),
      new RecordValidator(COLUMNS, [5], { dropsUnknownNulls: true }),
      new RecordValidator(COLUMNS.slice(0, 1), [5]),
      new RecordValidator([...COLUMNS, { id: 7, name: 'w', type: 'int', nullable: true }], [5]),
      new RecordValidator(
        COLUMNS.map((column) => ({ ...column, default: 2 })),
        [5],
      ),
    ]) {
      expect(keyed.matches(other)).toBe(false);
    }
  });

  it('does not match one with the names of a default in another order, which json keeps', () => {
    const withDefault = (filling: object) =>
      new RecordValidator([{ id: 5, name: 'j', type: 'json', nullable: true, default: filling }]);
    expect(withDefault({ a: 1, b: 2 }).matches(withDefault({ a: 1, b: 2 }))).toBe(true);
    expect(withDefault({ a: 1, b: 2 }).matches(withDefault({ b: 2, a: 1 }))).toBe(false);
  });

  it('fills the defaults of an upsert in', () => {
    expect(taken('upsert', {})).toEqual({ id: 7, v: 1 });
    expect(taken('insert', { id: 8 })).toEqual({ id: 8, v: 1 });
  });

  it('wants the key of a delete to be named, and checks what else is there', () => {
    expect(taken('delete', { id: '8' })).toEqual({ id: 8 });
    expect(taken('delete', { id: 8, v: null })).toEqual({ id: 8, v: null });
    for (const payload of [{}, { v: 1 }, { id: null }, { id: 'x' }, { id: 8, v: 'x' }, { id: 8, other: 1 }]) {
      expect(taken('delete', payload)).toBeUndefined();
    }
  });
});
