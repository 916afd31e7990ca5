import fc from 'fast-check';
import { typedField } from '../../kernel/index.js';
import { FieldChecks } from './field-checks.js';
import { defineTable } from './table-definition.js';

const { columns } = defineTable({
  tableName: 't',
  columns: [
    { name: 'id', type: 'long', nullable: false },
    { name: 'amount', type: 'decimal(4,2)', nullable: false, default: '0' },
    { name: 'constructor', type: 'string' },
    { name: 'address', type: 'struct<zip: string not null, n: int default 5>' },
    { name: 'lines', type: 'list<struct<sku: string not null, tags: list<int not null>> not null>' },
    { name: 'extra', type: 'json' },
  ],
});

/** Values that some field takes, most of them at their places. */
const leaf = fc.constantFrom<unknown>(null, 1, '7', 'x', '1.50', true, [], {});
const mostly = (right: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 9, arbitrary: right }, { weight: 1, arbitrary: leaf });
const optional = (members: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(members, { requiredKeys: [], noNullPrototype: true });
const text = mostly(fc.constant('x'));
const tags = mostly(fc.array(mostly(fc.constant(1)), { maxLength: 2 }));
const line = mostly(optional({ sku: text, tags }));
const payloads = fc.record(
  {
    id: mostly(fc.constant(1)),
    amount: mostly(fc.constant('1.50')),
    constructor: text,
    address: mostly(optional({ zip: text, n: mostly(fc.constant(7)) })),
    lines: mostly(fc.array(line, { maxLength: 2 })),
    extra: leaf,
    other: fc.constantFrom<unknown>(null, 1),
  },
  { requiredKeys: ['id'], noNullPrototype: true },
);

it.each([{}, { dropsUnknownNulls: true }])(
  'accepts what it would normalise, and changes nothing: %j',
  (options) => {
    const checks = new FieldChecks(columns.map(typedField), 'nothing', options);
    let accepted = 0;
    fc.assert(
      fc.property(payloads, (payload) => {
        const before = structuredClone(payload);
        const answer = checks.accepts(payload);
        expect(payload).toEqual(before);
        expect(answer).toBe(checks.normalise(payload));
        accepted += Number(answer);
      }),
      { numRuns: 2_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  },
);
