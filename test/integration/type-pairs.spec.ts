import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseType, SIMPLE_TYPES, typeText } from '../../src/kernel/index.js';
import { joinedType } from '../../src/modules/tables/inference/joined-type.js';

const TYPES = [
  ...SIMPLE_TYPES,
  'decimal(9,2)',
  'decimal(6,4)',
  'list<int>',
  'list<double>',
  'struct<a: int, b: date>',
  'struct<a: long, c: uuid>',
];
const joined = (a: string, b: string): string => typeText(joinedType(parseType(a), parseType(b)));
const namesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

/** What the documentation says of each pair that it names. */
async function documented(): Promise<Map<string, string>> {
  const text = await readFile(resolve(import.meta.dirname, '../../docs/schema-evolution.md'), 'utf8');
  const [, table = ''] = text.split('### Two types in one column');
  const pairs = new Map<string, string>();
  for (const line of table.split('\n')) {
    const [first = '', second = '', third = ''] = line.split('|').slice(1);
    const [result] = namesIn(third);
    for (const a of namesIn(first)) {
      for (const b of namesIn(second)) {
        if (a === b || result === undefined) continue;
        pairs.set(`${a} with ${b}`, result).set(`${b} with ${a}`, result);
      }
    }
  }
  return pairs;
}

it('the documentation says what becomes of every pair of types', async () => {
  const pairs = await documented();
  expect(pairs.size).toBeGreaterThan(50);
  for (const named of pairs.keys()) {
    for (const type of named.split(' with ')) expect(TYPES).toContain(type);
  }
  const said: string[] = [];
  const done: string[] = [];
  for (const a of TYPES) {
    for (const b of TYPES) {
      const nested = a.startsWith('list') || a.startsWith('struct');
      // Structs differ in the order of their fields only, by the side that comes first.
      if (nested && a.startsWith('struct') && b.startsWith('struct') && a > b) continue;
      said.push(`${a} with ${b} is ${a === b ? a : (pairs.get(`${a} with ${b}`) ?? 'json')}`);
      done.push(`${a} with ${b} is ${joined(a, b)}`);
    }
  }
  expect(done).toEqual(said);
});
