import type { Column, PartitionField } from '../../kernel/index.js';
import { partitionFolders } from './partition-folders.js';

const columns: Column[] = [
  { id: 5, name: 'country', type: 'string', nullable: true },
  { id: 6, name: 'paid at', type: 'timestamp', nullable: true },
];
const field = (source_id: number, transform: string): PartitionField => ({
  field_id: 1000,
  source_id,
  transform,
});
const folders = (of: PartitionField, value: number | string | null) =>
  partitionFolders([of], columns, { 1000: value }).join('/');

describe('partitionFolders', () => {
  it.each([
    [field(2, 'hour'), 490_899, 'date=2026-01-01/hour=03'],
    [field(2, 'hour'), -1, 'date=1969-12-31/hour=23'],
    [field(2, 'hour'), -17_259_888, 'date=0001-01-01/hour=00'],
    [field(2, 'day'), 20_454, 'date=2026-01-01'],
    [field(2, 'month'), -1, 'month=1969-12'],
    [field(2, 'year'), -1968, 'year=0002'],
    [field(3, 'day'), 20_454, '_ingested_at_day=2026-01-01'],
    [field(6, 'hour'), 490_899, 'paid.20at_hour=2026-01-01-03'],
    [field(6, 'hour'), null, 'paid.20at_hour=.null'],
    [field(5, 'identity'), '../x', 'country=.2E.2E.2Fx'],
    [field(5, 'bucket(16)'), 7, 'country_bucket=7'],
    [field(5, 'truncate(2)'), 'DE', 'country_truncate=DE'],
  ])('of %j with %p', (of, value, expected) => expect(folders(of, value)).toBe(expected));

  it('keeps the order of the fields', () => {
    const fields = [{ ...field(5, 'identity'), field_id: 1001 }, field(2, 'day')];
    expect(partitionFolders(fields, columns, { 1000: 0, 1001: 'DE' })).toEqual([
      'country=DE',
      'date=1970-01-01',
    ]);
  });

  it('has none where there are no fields, and one for a mix', () => {
    expect(partitionFolders([], columns, {})).toEqual([]);
    expect(partitionFolders([field(2, 'day')], columns, null)).toEqual(['mixed']);
  });
});
