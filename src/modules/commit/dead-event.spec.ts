import type { ClaimedBatch } from '../bus/index.js';
import { deadEventOf } from './dead-event.js';

const batch = {
  batchId: 7,
  tableId: 3,
  ingestedAt: new Date('2026-01-02T03:04:05.678Z'),
} as ClaimedBatch;
const columns = [
  { id: 5, name: 'id', type: 'long', nullable: false },
  { id: 6, name: 'extra', type: 'json', nullable: true },
];
const deadOf = (line: object | string) =>
  deadEventOf(
    { token: 12, text: typeof line === 'string' ? line : JSON.stringify(line), fault: undefined },
    batch,
    columns,
    'why \0',
  );

describe('deadEventOf', () => {
  it('puts a line back into the form that a client sends', () => {
    const extra = '{"n":12345678901234567890,"of":["a"]}';
    expect(deadOf({ b: 7, o: 1, op: 'insert', k: 'key', p: { id: '9007199254740993', extra } })).toEqual({
      tableId: 3,
      token: 12,
      key: 'key',
      op: 'insert',
      record: `{"op":"insert","event_time":"2026-01-02T03:04:05.678Z","payload":{"id":"9007199254740993","extra":${extra}}}`,
      reason: 'why ',
    });
  });

  it('keeps the time and the op of the event, and a json column that holds no JSON as it is', () => {
    const line = { b: 7, o: 1, op: 'delete', k: 'k', e: '2020-01-01T00:00:00Z', p: { extra: 'not JSON' } };
    expect(deadOf(line)).toMatchObject({
      op: 'delete',
      record: '{"op":"delete","event_time":"2020-01-01T00:00:00Z","payload":{"extra":"not JSON"}}',
    });
  });

  it('unpacks json inside of lists and structs', () => {
    const notes = {
      id: 8,
      name: 'notes',
      type: 'list',
      nullable: true,
      fields: [
        {
          id: 9,
          name: 'element',
          type: 'struct',
          nullable: true,
          fields: [
            { id: 10, name: 'raw', type: 'json', nullable: true },
            { id: 11, name: 'text', type: 'string', nullable: true },
          ],
        },
      ],
    };
    const line = {
      token: 12,
      fault: undefined,
      text: JSON.stringify({
        b: 7,
        o: 1,
        op: 'insert',
        k: 'k',
        e: '2020-01-01T00:00:00Z',
        p: { notes: [{ raw: '{"n":12345678901234567890}', text: '{}' }, null, { raw: 'not JSON' }] },
      }),
    };
    expect(deadEventOf(line, batch, [notes], 'why').record).toBe(
      '{"op":"insert","event_time":"2020-01-01T00:00:00Z","payload":' +
        '{"notes":[{"raw":{"n":12345678901234567890},"text":"{}"},null,{"raw":"not JSON"}]}}',
    );
  });

  it.each(['{"b":7,', '', '5', '{"k":5,"p":{}}', '{"k":"key","p":[]}'])(
    'keeps what is left of %p',
    (text) => {
      expect(deadOf(text)).toMatchObject({ key: '', op: 'insert', record: text });
    },
  );
});
