import { markOf } from '../events.js';
import type { Entry } from '../history.js';
import { check } from './checker.js';
import {
  acknowledged,
  answer,
  attempt,
  final,
  flat,
  letter,
  letters,
  lost,
  partOf,
  read,
  request,
  row,
  snapshot,
  spoiled,
  TENANT,
  type Entries,
} from './small-histories.js';

const ALL_BUT_3 = [0, 1, 2, 4, 5, 6, 7, 8, 9];
const kindsOf = (...entries: Entries): string[] => [
  ...new Set(check(flat(entries)).violations.map(({ kind }) => kind)),
];

describe('the checker', () => {
  it('finds nothing wrong with a history that keeps every promise', () => {
    const verdict = check([
      ...acknowledged(1, 10),
      ...read(1, { token: 10 }, 10, [row(1, 1)]),
      request(2),
      attempt(2),
      lost(2),
      attempt(2),
      answer(2, 20, 0),
      ...read(2, {}, 20, [row(1, 1), row(2, 11)]),
      ...read(3, { snapshot: 10 }, 10, [row(1, 1)]),
      request(3),
      attempt(3),
      lost(3),
      { e: 'receipt', r: 1, state: 'visible', first: 1, last: 10 },
      final(20, row(1, 1), row(2, 11)),
      { e: 'chain', tenant: TENANT, snapshots: [snapshot(1, 0), snapshot(2, 20)] },
      { e: 'file', tenant: TENANT, path: 'a', state: 'live', found: 'right' },
      { e: 'file', tenant: TENANT, path: 'b', state: 'pending', found: 'missing' },
    ]);
    expect(verdict.violations).toEqual([]);
    expect(verdict).toMatchObject({ acknowledgedEvents: 20, acknowledgedRequests: 2, unknownRequests: 1 });
  });

  it.each<[string, Entries]>([
    [
      'an event that was damaged, died, and was replayed',
      [
        acknowledged(1, 10),
        spoiled('event-1-3'),
        read(1, {}, 10, [partOf(ALL_BUT_3, 1, 10)]),
        { e: 'resolve', tenant: TENANT, action: 'replay', ids: [1] },
        { e: 'resolved', tenant: TENANT, id: 1, state: 'replayed', token: 11 },
        read(2, {}, 11, [partOf([...ALL_BUT_3, 3], 1, 11)]),
        letters(letter(1, 'event-1-3', 4, 11)),
        final(11, partOf([...ALL_BUT_3, 3], 1, 11)),
      ],
    ],
    [
      'one that died again under its new token',
      [
        acknowledged(1, 10),
        spoiled('event-1-3'),
        letters(letter(1, 'event-1-3', 4, 11), letter(2, 'event-1-3', 11)),
        final(11, partOf(ALL_BUT_3, 1, 10)),
      ],
    ],
    [
      'misfits that fit, once the column is widened',
      [
        [
          request(1, { misfits: 1, oversize: true }),
          attempt(1),
          { ...answer(1, 11), quarantined: 1 } as Entry,
        ],
        letters(letter(1, 'misfit-1-0', 11, 12)),
        final(12, partOf([...ALL_BUT_3, 3, 10], 1, 12)),
      ],
    ],
    [
      'misfits that had been made to fit before they came',
      [
        [
          request(1, { misfits: 1, oversize: true }),
          attempt(1),
          { ...answer(1, 11, 11), duplicates: 0 } as Entry,
        ],
        final(11, partOf([...ALL_BUT_3, 3, 10], 1, 11)),
      ],
    ],
    [
      'what was on its way to a table that was dropped',
      [
        [request(1, { brief: true }), attempt(1), answer(1, 10)],
        { e: 'receipt', r: 1, state: 'discarded', first: 1, last: 10 },
        final(10),
      ],
    ],
    [
      'the first part of a batch in parts whose table was dropped before the last ones',
      [
        [request(1, { brief: true }), attempt(1), answer(1, 10)],
        { e: 'receipt', r: 1, state: 'visible and discarded', first: 1, last: 10 },
        final(10, ['t0', 1, 9, 9, markOf(TENANT, 1, 9), 1, 9]),
      ],
    ],
    [
      'keyed rows at every watermark',
      [
        {
          e: 'keyed-request',
          r: 1,
          tenant: TENANT,
          ops: [
            [1, 'upsert'],
            [2, 'upsert'],
            [1, 'delete'],
          ],
        },
        { e: 'keyed-answer', r: 1, tenant: TENANT, token: 3 },
        { e: 'keyed-rows', tenant: TENANT, asked: {}, snapshot: 1, watermark: 1, rows: [[1, 1, 0, 1]] },
        { e: 'keyed-rows', tenant: TENANT, asked: {}, snapshot: 2, watermark: 3, rows: [[2, 1, 1, 2]] },
        final(3),
      ],
    ],
  ])('bears %s', (_, entries) => {
    expect(kindsOf(...entries)).toEqual([]);
  });

  it.each<[string, string[], Entries]>([
    [
      'an event in the dead letters that was not at fault',
      ['lost'],
      [acknowledged(1, 10), letters(letter(1, 'event-1-3', 4)), final(10, partOf(ALL_BUT_3, 1, 10))],
    ],
    [
      'a dead event that is there all the same',
      ['duplicated'],
      [acknowledged(1, 10), spoiled('event-1-3'), letters(letter(1, 'event-1-3', 4)), final(10, row(1, 1))],
    ],
    [
      'a replayed event that is not there',
      ['lost'],
      [
        acknowledged(1, 10),
        spoiled('event-1-3'),
        letters(letter(1, 'event-1-3', 4, 11)),
        final(11, partOf(ALL_BUT_3, 1, 10)),
      ],
    ],
    [
      'a key with a row that a later delete took away, and one without the row that it has',
      ['torn', 'lost'],
      [
        {
          e: 'keyed-request',
          r: 1,
          tenant: TENANT,
          ops: [
            [1, 'upsert'],
            [2, 'upsert'],
            [1, 'delete'],
          ],
        },
        { e: 'keyed-answer', r: 1, tenant: TENANT, token: 3 },
        { e: 'keyed-rows', tenant: TENANT, asked: {}, snapshot: 2, watermark: 3, rows: [[1, 1, 0, 1]] },
        final(3),
      ],
    ],
    [
      'a replay that is forgotten, and its token that is given again',
      ['lost', 'order'],
      [
        acknowledged(1, 10),
        spoiled('event-1-3'),
        spoiled('event-1-4'),
        { e: 'resolved', tenant: TENANT, id: 1, state: 'replayed', token: 12 },
        letters(letter(1, 'event-1-3', 4, 11), letter(2, 'event-1-4', 5, 11)),
        final(11, partOf([...ALL_BUT_3, 3], 1, 11)),
      ],
    ],
    [
      'a replayed event below its new token',
      ['torn'],
      [
        acknowledged(1, 10),
        spoiled('event-1-3'),
        read(1, {}, 10, [row(1, 1)]),
        letters(letter(1, 'event-1-3', 4, 11)),
        final(11, partOf([...ALL_BUT_3, 3], 1, 11)),
      ],
    ],
    [
      'what is lost of a table that comes and goes, and what its receipt calls visible',
      ['lost', 'receipt'],
      [
        [request(1, { brief: true }), attempt(1), answer(1, 10)],
        { e: 'receipt', r: 1, state: 'visible', first: 1, last: 10 },
        final(10),
      ],
    ],
    ['an acknowledged request that is not there', ['lost'], [acknowledged(1, 10), final(10)]],
    [
      'one of which a part is there',
      ['lost', 'answer'],
      [acknowledged(1, 10), final(10, row(1, 1, { events: 9, positions: 9 }))],
    ],
    [
      'a part of a request that nobody acknowledged',
      ['torn'],
      [request(1), attempt(1), lost(1), final(10, row(1, 1, { events: 9, positions: 9 }))],
    ],
    ['an event twice', ['duplicated'], [acknowledged(1, 10), final(10, row(1, 1, { events: 11 }))]],
    [
      'a request that was new twice',
      ['duplicated'],
      [acknowledged(1, 10), attempt(1), answer(1, 10), final(10, row(1, 1))],
    ],
    [
      'another token for a repeat',
      ['answer'],
      [acknowledged(1, 10), attempt(1), answer(1, 20, 0), final(20, row(1, 1))],
    ],
    [
      'another content than was sent',
      ['content'],
      [acknowledged(1, 10), final(10, ['t0', 1, 10, 10, 7, 1, 10])],
    ],
    ['rows of nobody', ['content'], [acknowledged(1, 10), final(20, row(1, 1), row(9, 11))]],
    [
      'an answer below the token that was asked for',
      ['stale'],
      [acknowledged(1, 10), read(1, { token: 10 }, 0, []), final(10, row(1, 1))],
    ],
    [
      'a snapshot that lacks what is below its watermark',
      ['stale'],
      [acknowledged(1, 10), read(1, {}, 10, []), final(10, row(1, 1))],
    ],
    [
      'a snapshot with what is above its watermark',
      ['order'],
      [acknowledged(1, 10), read(1, {}, 0, [row(1, 1)]), final(10, row(1, 1))],
    ],
    [
      'a later read that sees less',
      ['stale'],
      [acknowledged(1, 10), read(1, {}, 10, [row(1, 1)]), read(2, {}, 0, []), final(10, row(1, 1))],
    ],
    [
      'a snapshot that changes',
      ['changed', 'stale'],
      [
        acknowledged(1, 10),
        read(1, {}, 10, [row(1, 1)]),
        read(2, { snapshot: 10 }, 10, []),
        final(10, row(1, 1)),
      ],
    ],
    [
      'what was seen and is gone',
      ['lost'],
      [request(1), attempt(1), lost(1), read(1, {}, 10, [row(1, 1)]), final(10)],
    ],
    [
      'a token below one that was known before',
      ['order'],
      [acknowledged(1, 20), acknowledged(2, 10), final(20, row(1, 11), row(2, 1))],
    ],
    [
      'a watermark that goes back',
      ['order'],
      [
        { e: 'watermark', tenant: TENANT, published: 5, clock: 5 },
        { e: 'watermark', tenant: TENANT, published: 4, clock: 5 },
        final(5),
      ],
    ],
    [
      'a good request that is refused',
      ['refused'],
      [request(1), { e: 'refused', a: 1, r: 1, status: 409, code: 'X' }, final(0)],
    ],
    [
      'a misused key that is taken',
      ['content', 'answer'],
      [
        acknowledged(1, 10),
        request(2, { abuses: 1 }),
        attempt(2),
        answer(2, 20),
        final(20, row(1, 1), row(2, 11)),
      ],
    ],
    [
      'a receipt that says otherwise',
      ['receipt'],
      [
        acknowledged(1, 10),
        { e: 'receipt', r: 1, state: 'accepted', first: 1, last: 10 },
        final(10, row(1, 1)),
      ],
    ],
    [
      'a misfit that is not in the dead letters, or twice',
      ['lost', 'duplicated'],
      [
        [request(1, { misfits: 1 }), attempt(1), { ...answer(1, 11), quarantined: 1 } as Entry],
        [request(2, { misfits: 1 }), attempt(2), { ...answer(2, 22), quarantined: 1 } as Entry],
        letters(letter(1, 'misfit-2-0', 22), letter(2, 'request-2#10', 22)),
        final(22, row(1, 1), row(2, 12)),
      ],
    ],
    [
      'a broken chain',
      ['chain'],
      [
        { e: 'chain', tenant: TENANT, snapshots: [snapshot(1, 0), snapshot(2, 0, { parent: null })] },
        final(0),
      ],
    ],
    [
      'a publication by one who did not hold the claim',
      ['fence'],
      [{ e: 'chain', tenant: TENANT, snapshots: [snapshot(1, 0), snapshot(2, 0, { by: 'c2' })] }, final(0)],
    ],
    [
      'a live file that is not there',
      ['file'],
      [{ e: 'file', tenant: TENANT, path: 'a', state: 'live', found: 'missing' }, final(0)],
    ],
    ['an object without a row', ['file'], [{ e: 'stray', key: 'a' }, final(0)]],
    ['what never came about', ['stuck'], [{ e: 'stuck', what: 'the watermark' }, final(0)]],
  ])('tells %s', (_, kinds, entries) => {
    expect(kindsOf(...entries)).toEqual(kinds);
  });
});
