import fc from 'fast-check';
import { assertObjectKey } from './object-keys.js';
import { partitionFolder } from './partition-folder.js';

describe('partitionFolder', () => {
  it.each([
    ['date', '2026-01-02', 'date=2026-01-02'],
    ['country', 'DE', 'country=DE'],
    ['country', '', 'country='],
    ['country', null, 'country=.null'],
    ['country', '.null', 'country=.2Enull'],
    ['path', '../../other', 'path=.2E.2E.2F.2E.2E.2Fother'],
    ['a=b', 'c=d', 'a.3Db=c.3Dd'],
    ['größe', '10 %', 'gr.C3.B6.C3.9Fe=10.20.25'],
  ])('of %s and %p is plain', (name, value, folder) => expect(partitionFolder(name, value)).toBe(folder));

  it('is one safe segment of any text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary', maxLength: 300 }),
        (name, value) => {
          const folder = partitionFolder(name, value);
          expect(folder).toMatch(/^[A-Za-z0-9._-]{0,40}=[A-Za-z0-9._-]{0,80}$/);
          assertObjectKey(`lake/acme/1/${folder}/part-1-x.parquet`);
        },
      ),
    );
  });

  it('tells long texts apart that begin alike, and cuts no escape in two', () => {
    const [a, b] = [partitionFolder('n', `${'é'.repeat(200)}a`), partitionFolder('n', `${'é'.repeat(200)}b`)];
    expect(a).not.toBe(b);
    expect(a).toMatch(/^n=(\.C3\.A9)+(\.C3)?-[0-9a-f]{16}$/);
  });
});
