import type { SnapshotDataFile } from '../snapshots/index.js';
import { mergePlan } from './merge-plan.js';

const KEY = [{ id: 5, name: 'id', type: 'long', nullable: false }];

/** Its tokens are ten times the sequence number and nine more. */
const file = (content: 'data' | 'deletes', sequenceNumber: number, min?: string, max = min) =>
  ({
    key: `${content} ${sequenceNumber}`,
    content,
    sequenceNumber,
    minToken: sequenceNumber * 10,
    maxToken: sequenceNumber * 10 + 9,
    keyStats: min === undefined ? null : { '5': { min, max: max ?? null } },
  }) as unknown as SnapshotDataFile;

const planOf = (...files: SnapshotDataFile[]) => {
  const { plain, older, merged, deletes } = mergePlan(files, KEY);
  const keys = (some: readonly SnapshotDataFile[]) => some.map(({ key }) => key);
  return { plain: keys(plain), older: keys(older), merged: keys(merged), deletes: keys(deletes) };
};

describe('mergePlan', () => {
  it('reads everything as it is where there are no deletes', () => {
    expect(planOf(file('data', 1), file('data', 2))).toEqual({
      plain: ['data 1', 'data 2'],
      older: [],
      merged: [],
      deletes: [],
    });
    expect(planOf()).toEqual({ plain: [], older: [], merged: [], deletes: [] });
  });

  it('leaves out deletes that came with the oldest data or before', () => {
    expect(planOf(file('deletes', 1), file('deletes', 3), file('data', 3))).toEqual({
      plain: ['data 3'],
      older: [],
      merged: [],
      deletes: [],
    });
  });

  it('holds the data before the last delete against those after the first data', () => {
    const files = [1, 2, 3].flatMap((sequence) => [file('data', sequence), file('deletes', sequence)]);
    expect(planOf(...files, file('deletes', 4), file('data', 5))).toEqual({
      plain: ['data 5'],
      older: ['data 1'],
      merged: ['data 2', 'data 3'],
      deletes: ['deletes 2', 'deletes 3', 'deletes 4'],
    });
  });

  it('leaves out deletes of keys that no earlier data can have', () => {
    const loads = [1, 2, 3].flatMap((n) => [
      file('data', n, `${n}0`, `${n}9`),
      file('deletes', n, `${n}0`, `${n}9`),
    ]);
    expect(planOf(...loads)).toEqual({
      plain: ['data 1', 'data 2', 'data 3'],
      older: [],
      merged: [],
      deletes: [],
    });
    expect(planOf(...loads, file('data', 4, '15', '25'), file('deletes', 4, '15', '25'))).toEqual({
      plain: ['data 3', 'data 4'],
      older: ['data 1', 'data 2'],
      merged: [],
      deletes: ['deletes 4'],
    });
    // Numbers, not text: 9 is less than 10.
    expect(planOf(file('data', 1, '10', '90'), file('deletes', 2, '9')).deletes).toEqual([]);
    expect(planOf(file('data', 1, '-5', '90'), file('deletes', 2, '9')).deletes).toEqual(['deletes 2']);
    expect(planOf(file('data', 1), file('deletes', 2, '9')).deletes).toEqual(['deletes 2']);
  });

  it('compares tokens too where data has one that a delete does not pass', () => {
    const compacted = { ...file('data', 1), maxToken: 20 };
    expect(planOf(compacted, { ...file('data', 1), key: 'below', maxToken: 19 }, file('deletes', 2))).toEqual(
      {
        plain: [],
        older: ['below'],
        merged: ['data 1'],
        deletes: ['deletes 2'],
      },
    );
  });

  it('reads nothing where there is nothing but deletes', () => {
    expect(planOf(file('deletes', 1), file('deletes', 2))).toEqual({
      plain: [],
      older: [],
      merged: [],
      deletes: [],
    });
  });
});
