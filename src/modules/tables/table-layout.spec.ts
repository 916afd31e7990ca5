import type { Column } from '../../kernel/index.js';
import type { DefinitionFault } from './definition-fault.js';
import {
  changedLayout,
  currentSpec,
  defineLayout,
  describeLayout,
  lostSources,
  type PartitionFieldRequest,
  type SortFieldRequest,
} from './table-layout.js';

const column = (id: number, name: string, type: string): Column => ({ id, name, type, nullable: true });
const columns: Column[] = [
  column(5, 'id', 'long'),
  column(6, 'paid_at', 'timestamp'),
  column(7, 'country', 'string'),
  column(8, 'extra', 'json'),
  column(9, 'ratio', 'double'),
  { ...column(10, 'tags', 'list'), fields: [column(11, 'element', 'string')] },
];

const layoutOf = (partitionBy?: PartitionFieldRequest[], sortBy?: SortFieldRequest[]) => {
  const faults: DefinitionFault[] = [];
  const layout = defineLayout(columns, partitionBy, sortBy, faults);
  return { layout, faults };
};
const by = (name: string, transform: string): PartitionFieldRequest => ({ column: name, transform });
const faultsOf = (partitionBy?: PartitionFieldRequest[], sortBy?: SortFieldRequest[]) =>
  layoutOf(partitionBy, sortBy).faults.map(({ path, message }) => `${path}: ${message}`);

describe('the layout of a table', () => {
  it('is by the hour of the event time where nothing is said', () => {
    expect(layoutOf()).toEqual({
      layout: {
        partitionSpecs: [
          { spec_id: 0, fields: [] },
          { spec_id: 1, fields: [{ field_id: 1000, source_id: 2, transform: 'hour' }] },
        ],
        partitionSpecId: 1,
        sortOrder: [],
      },
      faults: [],
    });
  });

  it('is the unpartitioned one where no fields are asked for', () => {
    expect(layoutOf([]).layout).toEqual({
      partitionSpecs: [{ spec_id: 0, fields: [] }],
      partitionSpecId: 0,
      sortOrder: [],
    });
  });

  it('holds columns by their ids', () => {
    const { layout, faults } = layoutOf(
      [by('country', 'truncate(2)'), by('id', 'bucket(16)')],
      [{ column: 'country' }, { column: '_event_time', direction: 'desc' }],
    );
    expect(faults).toEqual([]);
    expect(currentSpec(layout).fields).toEqual([
      { field_id: 1000, source_id: 7, transform: 'truncate(2)' },
      { field_id: 1001, source_id: 5, transform: 'bucket(16)' },
    ]);
    expect(layout.sortOrder).toEqual([
      { source_id: 7, direction: 'asc' },
      { source_id: 2, direction: 'desc' },
    ]);
    const renamed = columns.map((one) => (one.id === 7 ? { ...one, name: 'land' } : one));
    expect(describeLayout(layout, renamed)).toEqual({
      partitionSpec: [by('land', 'truncate(2)'), by('id', 'bucket(16)')],
      sortOrder: [
        { column: 'land', direction: 'asc' },
        { column: '_event_time', direction: 'desc' },
      ],
    });
  });

  it('keeps every spec, gives a field the id that it had, and finds a spec again', () => {
    const faults: DefinitionFault[] = [];
    const change = (layout: ReturnType<typeof layoutOf>['layout'], fields: PartitionFieldRequest[]) =>
      changedLayout(layout, columns, fields, undefined, faults);
    const { layout: first } = layoutOf();
    const second = change(first, [by('country', 'identity'), by('_event_time', 'hour')]);
    expect(currentSpec(second)).toEqual({
      spec_id: 2,
      fields: [
        { field_id: 1001, source_id: 7, transform: 'identity' },
        { field_id: 1000, source_id: 2, transform: 'hour' },
      ],
    });
    const third = change(second, [by('_event_time', 'hour')]);
    expect(third).toEqual({ ...second, partitionSpecId: 1 });
    expect(change(third, [])).toEqual({ ...second, partitionSpecId: 0 });
    expect(change(third, [by('country', 'bucket(4)')]).partitionSpecs.at(-1)).toEqual({
      spec_id: 3,
      fields: [{ field_id: 1002, source_id: 7, transform: 'bucket(4)' }],
    });
    expect(faults).toEqual([]);
  });

  it.each([
    [
      by('nope', 'hour'),
      '$.partition_spec[0].column: there is no column "nope"; allowed are id, paid_at, country, extra, ratio, tags, _event_time, _ingested_at',
    ],
    [
      by('_visibility_token', 'identity'),
      '$.partition_spec[0].column: there is no column "_visibility_token"; allowed are id, paid_at, country, extra, ratio, tags, _event_time, _ingested_at',
    ],
    [
      by('id', 'day'),
      '$.partition_spec[0].transform: column "id" is of type long, which takes identity, bucket(n) with n from 1 to 4096, truncate(n) with n from 1 to 2147483647; found day',
    ],
    [
      by('country', 'truncate(65)'),
      '$.partition_spec[0].transform: column "country" is of type string, which takes truncate(n) with n from 1 to 64; found 65',
    ],
    [
      by('country', 'bucket(4097)'),
      '$.partition_spec[0].transform: column "country" is of type string, which takes bucket(n) with n from 1 to 4096; found 4097',
    ],
    [
      by('country', 'bucket(0)'),
      '$.partition_spec[0].transform: column "country" is of type string, which takes identity, bucket(n) with n from 1 to 4096, truncate(n) with n from 1 to 64; found bucket(0)',
    ],
    [
      by('paid_at', 'weekly'),
      '$.partition_spec[0].transform: column "paid_at" is of type timestamp, which takes identity, year, month, day, hour, bucket(n) with n from 1 to 4096; found weekly',
    ],
    [
      by('extra', 'identity'),
      '$.partition_spec[0].transform: column "extra" is of type json, which takes no transform; found identity',
    ],
    [
      by('ratio', 'identity'),
      '$.partition_spec[0].transform: column "ratio" is of type double, which takes no transform; found identity',
    ],
    [
      by('tags', 'identity'),
      '$.partition_spec[0].transform: column "tags" is of type list<string>, which takes no transform; found identity',
    ],
  ])('refuses %j and says what is allowed', (field, message) => {
    expect(faultsOf([field])).toEqual([message]);
  });

  it('refuses repeated and too many fields', () => {
    const hour = by('_event_time', 'hour');
    expect(faultsOf([hour, hour])).toEqual([
      '$.partition_spec[1]: repeats field 0, hour of column "_event_time"',
    ]);
    const many = ['year', 'month', 'day', 'hour', 'identity'].map((transform) => by('paid_at', transform));
    expect(faultsOf(many)).toEqual(['$.partition_spec: must have at most 4 fields; found 5']);
  });

  it('refuses to sort by what has no order, twice, or is not there', () => {
    expect(faultsOf([], [{ column: 'extra' }, { column: 'id' }, { column: 'id' }, { column: 'no' }])).toEqual(
      [
        '$.sort_order[0].column: column "extra" is of type json, which has no order to sort by; allowed are scalar types but json',
        '$.sort_order[2].column: column "id" is in the order already, at 1',
        '$.sort_order[3].column: there is no column "no"; allowed are id, paid_at, country, extra, ratio, tags, _event_time, _ingested_at',
      ],
    );
  });

  it('names the columns that it needs and that are gone', () => {
    const { layout } = layoutOf([by('country', 'identity')], [{ column: 'id' }]);
    expect(lostSources(layout, columns, columns)).toEqual([]);
    const others = columns.slice(1);
    expect(lostSources(layout, columns, [column(5, 'id', 'json'), ...others])).toMatchObject([
      { column: 'id', rule: 'sort_source', message: 'the sort_order of the table needs it as it is' },
    ]);
    expect(lostSources(layout, columns, [column(5, 'id', 'double'), ...others])).toEqual([]);
    expect(lostSources(layout, columns, [column(6, 'paid_at', 'timestamp')])).toEqual([
      {
        column: 'country',
        rule: 'partition_source',
        message: 'the partition_spec of the table needs it',
        allowed: ['a partition_spec without it, in the same call'],
      },
      {
        column: 'id',
        rule: 'sort_source',
        message: 'the sort_order of the table needs it',
        allowed: ['a sort_order without it, in the same call'],
      },
    ]);
  });
});
