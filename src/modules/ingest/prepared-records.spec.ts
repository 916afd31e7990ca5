import { AppError } from '../../kernel/index.js';
import { RecordValidator } from '../tables/index.js';
import { prepareRecords } from './prepared-records.js';
import { readBody } from './sent-body.js';

const validator = new RecordValidator([
  { id: 5, name: 'id', type: 'long', nullable: false },
  { id: 6, name: 'amount', type: 'decimal(10,2)', nullable: true },
  { id: 7, name: 'extra', type: 'json', nullable: true },
]);

const body = (contentType: 'json' | 'ndjson', text: string) => ({ contentType, bytes: Buffer.from(text) });
const prepare = async (text: string, kind: 'json' | 'ndjson' = 'json', requestKey?: string) =>
  prepareRecords(readBody(body(kind, text)), validator, requestKey);

interface Refusal {
  code: string;
  violations: {
    path: string;
    message: string;
    record?: number;
    line?: number;
    found?: string;
    position?: number;
  }[];
}
async function refusalOf(
  text: string,
  kind: 'json' | 'ndjson' = 'json',
  requestKey?: string,
): Promise<Refusal> {
  try {
    await prepare(text, kind, requestKey);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { code: error.code, violations: (error.context.violations ?? []) as Refusal['violations'] };
  }
  return { code: 'none', violations: [] };
}
const record = (fields: string) => `{"records":[{"idempotency_key":"k","payload":{"id":1}},{${fields}}]}`;

describe('prepareRecords', () => {
  it('puts records into the form of the bus', async () => {
    const [prepared] = await prepare(
      '{"records":[{"idempotency_key":"k1","op":"insert","event_time":"2024-01-01T01:00:00+01:00","payload":{"id":9007199254740993,"amount":1.5,"extra":{"n":12345678901234567890}}}]}',
    );
    expect(prepared).toEqual({
      key: 'k1',
      op: 'insert',
      eventTime: '2024-01-01T00:00:00Z',
      contentHash: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      payload: '{"id":"9007199254740993","amount":"1.50","extra":"{\\"n\\":12345678901234567890}"}',
    });
  });

  it('hashes the same content to the same, in either format and any order of keys', async () => {
    const [a] = await prepare('{"records":[{"idempotency_key":"a","payload":{"id":1,"amount":2}}]}');
    const [b] = await prepare('{"payload": {"amount": 2.0, "id": 1}, "idempotency_key": "b"}\r\n', 'ndjson');
    const [c] = await prepare('{"records":[{"idempotency_key":"a","payload":{"id":"1","amount":2}}]}');
    expect(b?.contentHash).toBe(a?.contentHash);
    expect(c?.contentHash).not.toBe(a?.contentHash);
  });

  it('reads NDJSON with empty lines, CRLF and no newline at its end', async () => {
    const text =
      '\n{"idempotency_key":"a","payload":{"id":1}}\r\n\r\n  \n{"idempotency_key":"b","payload":{"id":2}}';
    expect((await prepare(text, 'ndjson')).map((r) => r.key)).toEqual(['a', 'b']);
  });

  it('names the line of an NDJSON record', async () => {
    const good = '{"idempotency_key":"a","payload":{"id":1}}\n';
    expect(
      await refusalOf(`${good.repeat(16)}{"idempotency_key":"b,"payload":{"id":2}}\n${good}`, 'ndjson'),
    ).toMatchObject({
      code: 'REQUEST_INVALID',
      violations: [{ line: 17, position: 23 }],
    });
    expect(await refusalOf(`${good}\n{"idempotency_key":"b","payload":{"id":true}}`, 'ndjson')).toMatchObject(
      {
        code: 'SCHEMA_VIOLATION',
        violations: [{ record: 1, line: 3, path: '$.payload.id', expected: 'long', found: 'true' }],
      },
    );
    expect(
      await refusalOf(`${good}{"idempotency_key":"b","payload":{"id":1,"extra":{"x":1,"x":2}}}`, 'ndjson'),
    ).toMatchObject({
      code: 'REQUEST_INVALID',
      violations: [{ line: 2, path: '$.payload.extra.x' }],
    });
  });

  it.each([
    ['"payload":{"id":1}', 'IDEMPOTENCY_KEY_REQUIRED', '$.records[1].idempotency_key'],
    ['"idempotency_key":"","payload":{"id":1}', 'REQUEST_INVALID', '$.records[1].idempotency_key'],
    ['"idempotency_key":null,"payload":{"id":1}', 'REQUEST_INVALID', '$.records[1].idempotency_key'],
    ['"idempotency_key":5,"payload":{"id":1}', 'REQUEST_INVALID', '$.records[1].idempotency_key'],
    ['"idempotency_key":"a\\u0000","payload":{"id":1}', 'REQUEST_INVALID', '$.records[1].idempotency_key'],
    [
      `"idempotency_key":"${'ü'.repeat(257)}","payload":{"id":1}`,
      'REQUEST_INVALID',
      '$.records[1].idempotency_key',
    ],
    ['"idempotency_key":"a","op":"delete","payload":{"id":1}', 'PRIMARY_KEY_REQUIRED', '$.records[1].op'],
    ['"idempotency_key":"a","op":"INSERT","payload":{"id":1}', 'REQUEST_INVALID', '$.records[1].op'],
    [
      '"idempotency_key":"a","event_time":"2024-01-01","payload":{"id":1}',
      'REQUEST_INVALID',
      '$.records[1].event_time',
    ],
    [
      '"idempotency_key":"a","event_time":1704067200000,"payload":{"id":1}',
      'REQUEST_INVALID',
      '$.records[1].event_time',
    ],
    ['"idempotency_key":"a"', 'REQUEST_INVALID', '$.records[1].payload'],
    ['"idempotency_key":"a","payload":[]', 'REQUEST_INVALID', '$.records[1].payload'],
    ['"idempotency_key":"a","payload":12345678901234567890', 'REQUEST_INVALID', '$.records[1].payload'],
    ['"idempotency_key":"a","payload":{"id":1},"extra":{"a":1}', 'REQUEST_INVALID', '$.records[1].extra'],
    ['"idempotency_key":"a","payload":{"id":1},"__proto__":{}', 'REQUEST_INVALID', '$.records[1].__proto__'],
    ['"idempotency_key":"a","payload":{"id":1,"id":2}', 'REQUEST_INVALID', '$.records[1].payload.id'],
    [
      '"idempotency_key":"a","idempotency_key":"b","payload":{"id":1}',
      'REQUEST_INVALID',
      '$.records[1].idempotency_key',
    ],
    [
      '"idempotency_key":"a","payload":{"id":1,"__proto__":{"x":1}}',
      'SCHEMA_VIOLATION',
      '$.records[1].payload.__proto__',
    ],
    ['"idempotency_key":"a","payload":{"id":1,"other":2}', 'SCHEMA_VIOLATION', '$.records[1].payload.other'],
    ['"idempotency_key":"a","payload":{}', 'SCHEMA_VIOLATION', '$.records[1].payload.id'],
    [
      '"idempotency_key":"a","payload":{"id":9223372036854775808}',
      'SCHEMA_VIOLATION',
      '$.records[1].payload.id',
    ],
  ])('refuses the record {%s}', async (fields, code, path) => {
    const refusal = await refusalOf(record(fields));
    expect(refusal).toMatchObject({ code, violations: [{ path }] });
  });

  it.each([
    ['[]', '$.records'],
    ['null', '$.records'],
    ['{}', '$.records'],
    ['{"records":{}}', '$.records'],
    ['{"records":[]}', '$.records'],
    ['{"records":[{}],"more":1}', '$.more'],
    ['{"records":[{}],"__proto__":1}', '$.__proto__'],
    ['{"records":[1]}', '$.records[0]'],
    [
      '{"records":[{"idempotency_key":"a","payload":{"id":1}}],"records":[{"idempotency_key":"a","payload":{"id":1}}]}',
      '$.records',
    ],
    [
      '{"records":[{"idempotency_key":"a","payload":{"id":1}}],"wait_for_visibility":true,"wait_for_visibility":true}',
      '$.wait_for_visibility',
    ],
  ])('refuses the body %s', async (text, path) => {
    expect(await refusalOf(text)).toMatchObject({ code: 'REQUEST_INVALID', violations: [{ path }] });
  });

  it('refuses NDJSON without records, and bytes that are not UTF-8', async () => {
    expect(await refusalOf('\n \r\n', 'ndjson')).toMatchObject({ code: 'REQUEST_INVALID' });
    const bytes = Buffer.concat([
      Buffer.from('{"idempotency_key":"'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('"}'),
    ]);
    expect(() => readBody({ contentType: 'ndjson', bytes })).toThrow(AppError);
  });

  it('needs no keys where the request has one', async () => {
    expect(await prepare('{"payload":{"id":1}}', 'ndjson', 'request')).toMatchObject([{ key: undefined }]);
  });

  it('takes the same nesting in both formats', async () => {
    const deep = (n: number) =>
      `{"idempotency_key":"a","payload":{"id":1,"extra":${'['.repeat(n)}${']'.repeat(n)}}}`;
    for (const n of [62, 63]) {
      const code = n === 62 ? 'none' : 'REQUEST_INVALID';
      expect((await refusalOf(deep(n), 'ndjson')).code).toBe(code);
      expect((await refusalOf(`{"records":[${deep(n)}]}`)).code).toBe(code);
    }
  });

  it('names the first 100 violations and stays quick about the rest', async () => {
    const bad = '{"idempotency_key":"a","payload":{"id":"x","amount":1.234}}';
    const { code, violations } = await refusalOf(
      `{"records":[${Array.from({ length: 5000 }, () => bad).join()}]}`,
    );
    expect(code).toBe('SCHEMA_VIOLATION');
    expect(violations).toHaveLength(100);
    expect(violations[99]).toMatchObject({
      record: 49,
      path: '$.records[49].payload.amount',
      found: '1.234',
    });
  });

  it('refuses too many records and too large ones', async () => {
    expect((await refusalOf(`{"records":[${'0,'.repeat(100_000)}0]}`)).code).toBe('PAYLOAD_TOO_LARGE');
    const large = `{"idempotency_key":"a","payload":{"id":1,"extra":"${'x'.repeat(5_000_000)}"}}`;
    expect((await refusalOf(large, 'ndjson')).code).toBe('PAYLOAD_TOO_LARGE');
  });

  it.each([
    ['a list', `{"extra":[${'1,'.repeat(20_000_000)}1]}`],
    ['lists in a list', `{"extra":[${`[${'1,'.repeat(200_000)}1],`.repeat(100)}1]}`],
    [
      'an object',
      `{${Array.from({ length: 1_500_000 }, (_, index) => `"${index.toString(36)}":1`).join(',')}}`,
    ],
  ])('refuses %s too large for a payload', async (_, payload) => {
    const text = `{"records":[{"idempotency_key":"a","payload":${payload}}]}`;
    expect((await refusalOf(text)).code).toBe('PAYLOAD_TOO_LARGE');
  });

  it.each(['json', 'ndjson'] as const)(
    'refuses more values than are read digit by digit, in %s',
    async (kind) => {
      const one = (last: string) =>
        `{"idempotency_key":"a","payload":{"id":1,"extra":[${'1,'.repeat(800_000)}${last}]}}`;
      const four = (last: string) =>
        kind === 'json'
          ? `{"records":[${Array(4).fill(one(last)).join(',')}]}`
          : Array(4).fill(one(last)).join('\n');
      expect((await refusalOf(four('1e1'), kind)).code).toBe('PAYLOAD_TOO_LARGE');
      expect((await refusalOf(four('1'), kind)).code).toBe('none');
    },
  );

  it.each(['json', 'ndjson'] as const)('refuses more objects than memory is for, in %s', async (kind) => {
    const one = `{"idempotency_key":"a","payload":{"extra":[${'{},'.repeat(700_000)}{}]}}`;
    const text = kind === 'json' ? `{"records":[${one},${one},${one}]}` : `${one}\n${one}\n${one}`;
    expect((await refusalOf(text, kind)).code).toBe('PAYLOAD_TOO_LARGE');
  });
});
