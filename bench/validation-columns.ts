import { Ajv, type FuncKeywordDefinition } from 'ajv';
import { parseType, type Column } from '../src/kernel/index.js';
import { REFUSED } from '../src/modules/tables/column-checks.js';
import { checkedType } from '../src/modules/tables/field-checks.js';
import { PayloadValidator } from '../src/modules/tables/index.js';

/** The compiled list of column checks against the same checks as keywords of Ajv, by the number of columns. */
const WIDTHS = [8, 50, 200, 1000];
const ROUNDS = 9;
const FIELDS_PER_ROUND = 200_000;
const TYPES = ['long', 'string', 'boolean'];

type Payload = Record<string, unknown>;

function columnsOf(width: number): Column[] {
  return Array.from({ length: width }, (_, i) => ({
    id: i + 5,
    name: `column_${i}`,
    type: TYPES[i % TYPES.length] ?? 'long',
    nullable: true,
  }));
}

function payloadText(columns: readonly Column[]): string {
  const values = { long: 123_456, string: 'a short text', boolean: true } as Payload;
  return JSON.stringify(Object.fromEntries(columns.map(({ name, type }) => [name, values[type]])));
}

function withAjv(columns: readonly Column[]): (payload: Payload) => boolean {
  const keyword: FuncKeywordDefinition = {
    keyword: 'columnType',
    modifying: true,
    errors: false,
    compile: (type: string) => {
      const { check } = checkedType(parseType(type));
      return (value: unknown, at) => {
        if (value === null || at === undefined) return true;
        const normalised = check(value);
        if (normalised === REFUSED) return false;
        if (normalised !== value) at.parentData[at.parentDataProperty] = normalised;
        return true;
      };
    },
  };
  const ajv = new Ajv({ ownProperties: true, strict: false, keywords: [keyword] });
  const properties = Object.fromEntries(columns.map(({ name, type }) => [name, { columnType: type }]));
  const validate = ajv.compile({ type: 'object', additionalProperties: false, properties });
  return (payload) => validate(payload);
}

/** Microseconds for one payload, best of several rounds. Payloads are parsed anew for each and not timed. */
function measure(text: string, width: number, validate: (payload: Payload) => boolean): number {
  let best = Infinity;
  const count = Math.ceil(FIELDS_PER_ROUND / width);
  for (let round = 0; round < ROUNDS; round++) {
    const payloads = JSON.parse(`[${Array.from({ length: count }, () => text).join(',')}]`) as Payload[];
    const started = process.hrtime.bigint();
    for (const payload of payloads) if (!validate(payload)) throw new Error('not valid');
    best = Math.min(best, Number(process.hrtime.bigint() - started) / 1000 / count);
  }
  return best;
}

const lines = [['columns', 'checks us', 'ajv us', 'checks compile ms', 'ajv compile ms']];
for (const width of WIDTHS) {
  const columns = columnsOf(width);
  const text = payloadText(columns);
  const begun = performance.now();
  const validator = new PayloadValidator(columns);
  const compiled = performance.now();
  const ajv = withAjv(columns);
  const ajvCompiled = performance.now();
  lines.push([
    String(width),
    measure(text, width, (payload) => validator.normalise(payload)).toFixed(2),
    measure(text, width, ajv).toFixed(2),
    (compiled - begun).toFixed(2),
    (ajvCompiled - compiled).toFixed(2),
  ]);
}
for (const cells of lines) process.stdout.write(`${cells.map((cell) => cell.padStart(18)).join('')}\n`);
