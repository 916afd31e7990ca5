import type { SnapshotDataFile } from '../snapshots/index.js';
import { mergePlan } from './merge-plan.js';

const file = (content: 'data' | 'deletes', sequenceNumber: number) =>
  ({ key: `${content} ${sequenceNumber}`, content, sequenceNumber }) as SnapshotDataFile;

const planOf = (...files: SnapshotDataFile[]) => {
  const { plain, merged, deletes } = mergePlan(files);
  const keys = (some: readonly SnapshotDataFile[]) => some.map(({ key }) => key);
  return { plain: keys(plain), merged: keys(merged), deletes: keys(deletes) };
};

describe('mergePlan', () => {
  it('reads everything as it is where there are no deletes', () => {
    expect(planOf(file('data', 1), file('data', 2))).toEqual({
      plain: ['data 1', 'data 2'],
      merged: [],
      deletes: [],
    });
    expect(planOf()).toEqual({ plain: [], merged: [], deletes: [] });
  });

  it('leaves out deletes that came with the oldest data or before', () => {
    expect(planOf(file('deletes', 1), file('deletes', 3), file('data', 3))).toEqual({
      plain: ['data 3'],
      merged: [],
      deletes: [],
    });
  });

  it('holds the data before the last delete against those after the first data', () => {
    const files = [1, 2, 3].flatMap((sequence) => [file('data', sequence), file('deletes', sequence)]);
    expect(planOf(...files, file('deletes', 4), file('data', 5))).toEqual({
      plain: ['data 5'],
      merged: ['data 1', 'data 2', 'data 3'],
      deletes: ['deletes 2', 'deletes 3', 'deletes 4'],
    });
  });

  it('reads nothing where there is nothing but deletes', () => {
    expect(planOf(file('deletes', 1), file('deletes', 2))).toEqual({ plain: [], merged: [], deletes: [] });
  });
});
