import 'reflect-metadata';
import { Type } from 'class-transformer';
import { Allow, IsArray, IsInt, IsOptional, IsString, ValidateNested } from 'class-validator';
import { AppError } from '../kernel/index.js';
import { DtoPipe } from './dto.pipe.js';
import { parseJson } from './json-body.js';
import { IntegerText } from './query-text.js';

class Item {
  @IsString()
  name!: string;

  static about({ name }: Item): object {
    return typeof name === 'string' ? { item: name } : {};
  }
}

class Sized extends Item {
  @IsInt({ context: { allowed: ['a whole number'] } })
  size!: number;
}

class Order {
  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => Item)
  items?: Item[];

  @IsOptional()
  @ValidateNested()
  @Type(() => Item)
  main?: Item;

  @IsOptional()
  @IsString({ each: true })
  tags?: string[];

  @Allow()
  anything?: unknown;

  @IntegerText()
  @Allow()
  size?: number;
}

const pipe = new DtoPipe(Order);

async function violations(
  value: unknown,
  by: DtoPipe<object> = pipe,
): Promise<{ path: string; message: string }[]> {
  const error: unknown = await by.transform(value).catch((caught: unknown) => caught);
  if (!(error instanceof AppError)) throw new Error('nothing was refused');
  expect(error.code).toBe('REQUEST_INVALID');
  return error.context.violations as { path: string; message: string }[];
}

/** Many fields; short of what a large body can hold. */
const wide = Object.fromEntries(Array.from({ length: 300_000 }, (_, index) => [`k${index}`, 1]));

describe('DtoPipe', () => {
  it('makes instances of the named classes and leaves other values alone', async () => {
    const anything = { a: [{ b: 1 }] };
    const order = await pipe.transform({ items: [{ name: 'a' }], main: { name: 'b' }, anything, size: '7' });
    expect(order).toBeInstanceOf(Order);
    expect(order.items?.[0]).toBeInstanceOf(Item);
    expect(order.main).toBeInstanceOf(Item);
    expect(order.anything).toBe(anything);
    expect(order.size).toBe(7);
    expect(await pipe.transform(undefined)).toEqual(new Order());
  });

  it('names what is wrong, at any depth', async () => {
    expect(await violations({ items: [{ name: 1 }], main: { name: 'b', more: {} }, other: 1 })).toEqual([
      { path: '$.other', message: 'is not a known field' },
      { path: '$.items[0].name', message: 'must be a string' },
      { path: '$.main.more', message: 'is not a known field', item: 'b' },
    ]);
  });

  it('says what the class has to say of an object, and the rule of a field', async () => {
    expect(await violations({ name: 'a', size: 'x' }, new DtoPipe(Sized))).toEqual([
      { path: '$.size', message: 'must be an integer number', item: 'a', allowed: ['a whole number'] },
    ]);
  });

  it.each(['{"constructor":{}}', '{"constructor":1}', '{"main":{"name":"a","constructor":[]}}'])(
    'refuses the field constructor in %s',
    async (json) => {
      expect((await violations(JSON.parse(json))).map(({ message }) => message)).toEqual([
        'is not a known field',
      ]);
    },
  );

  it('takes no time for values with very many fields', async () => {
    await expect(pipe.transform({ anything: wide })).resolves.toMatchObject({ anything: wide });
    for (const [path, value] of [
      ['$', wide],
      ['$.main', { main: wide }],
      ['$.items[0]', { items: [wide] }],
    ] as const) {
      expect((await violations(value)).map((violation) => violation.path)).toEqual([path]);
    }
  });

  it('refuses lists longer than any call takes', async () => {
    const long = Array.from({ length: 300_000 }, () => 1);
    expect((await violations({ items: long })).map(({ path }) => path)).toEqual(['$.items']);
    expect((await violations({ tags: long })).map(({ path }) => path)).toEqual(['$.tags']);
  });
});

describe('parseJson', () => {
  it.each([
    '['.repeat(66) + ']'.repeat(66),
    '['.repeat(3_000_000),
    '{"a":'.repeat(100_000),
    `{"a":${'['.repeat(66)}`,
  ])('refuses text that nests too deep, whole or not', (text) => {
    expect(() => parseJson(text)).toThrow('nested deeper than 64 levels');
  });

  it('counts no brackets in strings', () => {
    const text = JSON.stringify(['['.repeat(100), '\\"[', { '{{{': `"${'{'.repeat(100)}` }]);
    expect(parseJson(text)).toEqual(JSON.parse(text));
    const deepest = '['.repeat(65) + ']'.repeat(65);
    expect(parseJson(deepest)).toEqual(JSON.parse(deepest));
  });

  it('names the place of a key that reaches a prototype', () => {
    expect(() => parseJson('{"a":[1,{"b":{"__proto__":1}}]}')).toThrow('$.a[1].b.__proto__');
    expect(() => parseJson('[{"constructor":{"prototype":1}}]')).toThrow('$[0].constructor');
    expect(parseJson('{"constructor":1}')).toEqual({ constructor: 1 });
  });
});
