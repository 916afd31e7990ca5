import { idOfLetter, markOfPositions } from '../events.js';
import type { LetterLine, RequestEntry, SeenRow } from '../history.js';

/** What the dead letters say of one request. A position counts its own records, then its misfits. */
export interface RequestFates {
  /** Letters of its records as they were sent, by position; none that a replay led to. */
  readonly letters: ReadonlyMap<number, readonly LetterLine[]>;
  /** Where a record with a letter lives on; undefined where it is dead or discarded. */
  readonly tokens: ReadonlyMap<number, number | undefined>;
  /** Every token that a replay gave to one of them. */
  readonly replayed: ReadonlySet<number>;
  /** The token of its first own record, as its letters have it. */
  readonly first: number;
}

/** By request. Letters of nobody's request are under -1. */
export function fatesOf(
  letters: readonly LetterLine[],
  requestOf: (r: number) => RequestEntry | undefined,
): Map<number, RequestFates> {
  const byToken = new Map(letters.map((letter) => [letter.token, letter]));
  const ledTo = new Set(letters.map((letter) => letter.replayedToken));
  const fates = new Map<number, MutableFates>();
  for (const letter of letters) {
    if (ledTo.has(letter.token)) continue;
    const place = placeOf(letter, requestOf);
    const known = fates.get(place.r) ?? {
      letters: new Map<number, LetterLine[]>(),
      tokens: new Map<number, number | undefined>(),
      replayed: new Set<number>(),
      first: letter.token - place.position,
    };
    fates.set(place.r, known);
    known.letters.set(place.position, [...(known.letters.get(place.position) ?? []), letter]);
    let last: LetterLine | undefined = letter;
    let token: number | undefined;
    while (last !== undefined) {
      token = last.state === 'replayed' ? (last.replayedToken ?? undefined) : undefined;
      if (token !== undefined) known.replayed.add(token);
      last = token === undefined ? undefined : byToken.get(token);
    }
    known.tokens.set(place.position, token);
  }
  return fates;
}

interface MutableFates {
  readonly letters: Map<number, LetterLine[]>;
  readonly tokens: Map<number, number | undefined>;
  readonly replayed: Set<number>;
  readonly first: number;
}

function placeOf(
  letter: LetterLine,
  requestOf: (r: number) => RequestEntry | undefined,
): { r: number; position: number } {
  const id = idOfLetter(letter.key);
  const request = id === undefined ? undefined : requestOf(id.request);
  if (id === undefined || request === undefined) return { r: -1, position: 0 };
  if (id.misfit !== undefined) return { r: request.r, position: request.count + id.misfit };
  // A key that covers a request counts the records of others before its own.
  const before = letter.key.startsWith('request-') ? (request.repeats?.count ?? 0) : 0;
  return { r: request.r, position: (id.position ?? 0) - before };
}

/** True where a snapshot may have other events of the request than the first so many, in the order of their tokens. */
export function isSpecial(request: RequestEntry, fates: RequestFates | undefined): boolean {
  if (fates === undefined) return false;
  if (fates.replayed.size > 0) return true;
  return [...fates.letters.keys()].some((position) => position < request.count);
}

/** What a snapshot with the watermark has of a request with letters; undefined where it has nothing. */
export function expectedRow(
  request: RequestEntry,
  fates: RequestFates,
  watermark: number,
): SeenRow | undefined {
  const alive: [position: number, token: number][] = [];
  for (let position = 0; position < request.count + (request.misfits ?? 0); position += 1) {
    const token = fates.tokens.has(position) ? fates.tokens.get(position) : fates.first + position;
    if (token !== undefined && token <= watermark) alive.push([position, token]);
  }
  if (alive.length === 0) return undefined;
  const tokens = alive.map(([, token]) => token);
  const mark = markOfPositions(
    request.tenant,
    request.r,
    alive.map(([position]) => position),
  );
  const { table, r } = request;
  return [table, r, alive.length, alive.length, mark, Math.min(...tokens), Math.max(...tokens)];
}
