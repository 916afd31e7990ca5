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
  read,
  request,
  row,
  snapshot,
  spoiled,
  TENANT,
  type Entries,
} from './small-histories.js';
import type { ViolationKind } from './violation.js';

const brief = request(1, { brief: true });
const discarded: Entry = { e: 'receipt', r: 1, state: 'discarded', first: 1, last: 10 };
const nine = row(1, 1, { events: 9, positions: 9 });
const chain = (...snapshots: ReturnType<typeof snapshot>[]): Entry => ({
  e: 'chain',
  tenant: TENANT,
  snapshots,
});
const clock = (published: number, at: number): Entry => ({
  e: 'watermark',
  tenant: TENANT,
  published,
  clock: at,
});
const keyed: Entry = { e: 'keyed-request', r: 1, tenant: TENANT, ops: [[1, 'upsert']] };
const keyedAnswer = (token: number): Entry => ({ e: 'keyed-answer', r: 1, tenant: TENANT, token });
const keyedRows = (asked: { token?: number }, watermark: number, times: number): Entry => ({
  e: 'keyed-rows',
  tenant: TENANT,
  asked,
  snapshot: 2,
  watermark,
  rows: Array.from({ length: times }, () => [1, 1, 0, 3] as const),
});

/** Those whose kind another rule shows too: each fires by itself, and says what it saw. */
describe('the rule of the checker', () => {
  it.each<[string, ViolationKind, string, Entries]>([
    [
      'that dead letters are of requests',
      'content',
      'has dead letters of request -1',
      [letters(letter(1, 'event-9-0', 4)), final(0)],
    ],
    [
      'that a request shows in its own table',
      'content',
      'shows in t1',
      [acknowledged(1, 10), final(10, ['t1', ...row(1, 1).slice(1)] as unknown as ReturnType<typeof row>)],
    ],
    [
      'that what is left of a dropped table is the first of a request',
      'torn',
      'has 9 events, and not the first of it',
      [brief, attempt(1), answer(1, 10), discarded, final(10, nine)],
    ],
    [
      'that a request has no more events than were sent',
      'content',
      'has 11 events, of which it had sent 10',
      [acknowledged(1, 11), final(11, row(1, 1, { events: 11, positions: 11 }))],
    ],
    [
      'that an answer counts all records as new or all as duplicates',
      'answer',
      'of 10 records was answered 5 accepted',
      [request(1), attempt(1), answer(1, 10, 5), final(10, row(1, 1))],
    ],
    [
      'that a repeat has the token of the first answer',
      'answer',
      'has token 10 in one answer and 20 in another',
      [acknowledged(1, 10), attempt(1), answer(1, 20, 0), final(20, row(1, 1))],
    ],
    [
      'that the snapshot of an answer has its token',
      'stale',
      'was answered as visible in snapshot 1, which ends at 5',
      [
        request(1),
        attempt(1),
        { ...answer(1, 10), snapshot: 1 } as Entry,
        chain(snapshot(1, 5), snapshot(2, 10)),
        final(10, row(1, 1)),
      ],
    ],
    [
      'that what was sent once is new',
      'answer',
      'was sent once and answered as a duplicate',
      [request(1), attempt(1), answer(1, 10, 0), final(10, row(1, 1))],
    ],
    [
      'that the tokens of a request have no holes',
      'order',
      'has 10 events between tokens 1 and 12',
      [acknowledged(1, 12), final(12, [...row(1, 1).slice(0, 6), 12] as unknown as ReturnType<typeof row>)],
    ],
    [
      'that a token is given out once',
      'order',
      'share token 5',
      [acknowledged(1, 10), acknowledged(2, 14), final(14, row(1, 1), row(2, 5))],
    ],
    [
      'that a letter has the token of its event',
      'order',
      'for 4 has token 9',
      [
        acknowledged(1, 10),
        spoiled('event-1-3'),
        spoiled('event-1-4'),
        letters(letter(1, 'event-1-3', 4), letter(2, 'event-1-4', 9)),
        final(10),
      ],
    ],
    [
      'that a letter is of what was sent',
      'content',
      'has a letter for 12, which it never sent',
      [acknowledged(1, 10), letters(letter(1, 'event-1-12', 13)), final(10, row(1, 1))],
    ],
    [
      'that rows and letters of a request begin at one token',
      'order',
      'has letters that begin at token 5, and rows that begin at 1',
      [
        request(1, { misfits: 1 }),
        attempt(1),
        { ...answer(1, 15), quarantined: 1 } as Entry,
        letters(letter(1, 'misfit-1-0', 15)),
        final(15, row(1, 1)),
      ],
    ],
    [
      'that what was discarded stays so',
      'answer',
      'was discarded, and is dead',
      [
        acknowledged(1, 10),
        spoiled('event-1-3'),
        { e: 'resolved', tenant: TENANT, id: 1, state: 'discarded' },
        letters(letter(1, 'event-1-3', 4)),
        final(10),
      ],
    ],
    [
      'that a read has the snapshot that it asked for',
      'answer',
      'asked for snapshot 7 and got 8',
      [read(1, { snapshot: 7 }, 0, [], 8), final(0)],
    ],
    [
      'that a snapshot has a whole request as it is in the end',
      'torn',
      'at watermark 10 has t0,1,9,9',
      [acknowledged(1, 10), read(1, {}, 10, [nine]), final(10, row(1, 1))],
    ],
    [
      'that a snapshot has of a request that its watermark cuts what is below',
      'torn',
      'at watermark 5 has t0,1,9,9',
      [acknowledged(1, 10), read(1, {}, 5, [nine]), final(10, row(1, 1))],
    ],
    [
      'that a clock never goes back',
      'order',
      'the clock of acme went from 5 back to 4',
      [clock(0, 5), clock(0, 4), final(5)],
    ],
    [
      'that a watermark is at its clock or below',
      'order',
      'is 6, above its clock 5',
      [clock(6, 5), final(6)],
    ],
    [
      'that a read of a keyed table has its token',
      'stale',
      'had asked for token 9',
      [keyed, keyedAnswer(3), keyedRows({ token: 9 }, 3, 1), final(3)],
    ],
    [
      'that a keyed table has one row for a key',
      'duplicated',
      'has key 1 twice',
      [keyed, keyedAnswer(3), keyedRows({}, 3, 2), final(3)],
    ],
    [
      'that a keyed request has one token',
      'answer',
      'was answered with tokens 3,4',
      [keyed, keyedAnswer(3), keyedAnswer(4), keyedRows({}, 3, 1), final(4)],
    ],
    [
      'that sequence numbers follow each other',
      'chain',
      'has sequence number 4 after 1',
      [chain(snapshot(1, 0), snapshot(2, 0, { sequence: 4 })), final(0)],
    ],
    [
      'that watermarks of snapshots never go back',
      'order',
      'snapshot 2 of acme has watermark 3 after 5',
      [chain(snapshot(1, 5), snapshot(2, 3)), final(3)],
    ],
    [
      'that the head is the last snapshot',
      'chain',
      'is the last but not the head',
      [chain(snapshot(1, 0), snapshot(2, 0, { isHead: false })), final(0)],
    ],
    [
      'that the last read was on the head',
      'chain',
      'the last read of acme was on snapshot 2, its head is 1',
      [chain(snapshot(1, 0, { isHead: true })), final(0)],
    ],
    [
      'that the watermark reaches the clock in the end',
      'stuck',
      'the watermark of acme is 5 in the end, its clock 6',
      [{ ...final(5), clock: 6 } as Entry],
    ],
  ])('%s', (_, kind, text, entries) => {
    expect(check(flat(entries)).violations).toContainEqual({
      kind,
      text: expect.stringContaining(text) as string,
    });
  });
});
