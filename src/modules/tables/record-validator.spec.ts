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
