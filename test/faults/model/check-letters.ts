import { expectedRow, isSpecial, type RequestFates } from './fates.js';
import type { SeenRow } from '../history.js';
import type { RequestModel, TenantModel } from './tenant-model.js';
import type { Violations } from './violation.js';

/** The dead letters of one request, and its rows where these follow from them. */
export function checkLetters(
  { request, answers }: RequestModel,
  row: SeenRow | undefined,
  model: TenantModel,
  violations: Violations,
): void {
  const fates = model.fates.get(request.r);
  const { r, count, misfits = 0 } = request;
  const name = `request ${r} (${request.tenant}.${request.table})`;
  const letters = [...(fates?.letters ?? [])];
  for (const [position, found] of letters) {
    if (found.length > 1) violations.add('duplicated', `${name} has ${found.length} letters for ${position}`);
    for (const { token } of found)
      violations.expect(
        token === (fates?.first ?? 0) + position,
        'order',
        () => `the letter of ${name} for ${position} has token ${token}, its first is ${fates?.first}`,
      );
    if (position >= count + misfits || position < 0)
      violations.add('content', `${name} has a letter for ${position}, which it never sent`);
    if (position < count && !found.some(({ key }) => model.spoiled.has(key)))
      violations.add('lost', `${name} has event ${position} in the dead letters, which was not at fault`);
  }
  const isThere = row !== undefined || fates !== undefined;
  const misfitLetters = letters.filter(([position]) => position >= count).length;
  const tookAll = request.oversize === true && misfitLetters === 0;
  if (isThere && !tookAll && misfitLetters !== misfits)
    violations.add(
      misfitLetters > misfits ? 'duplicated' : answers.length > 0 ? 'lost' : 'torn',
      `${name} has ${misfitLetters} of its ${misfits} misfits in the dead letters`,
    );
  if (fates === undefined) return;
  if (isSpecial(request, fates)) checkRow(request, fates, row, name, violations);
  else
    violations.expect(
      row === undefined || row[5] === fates.first,
      'order',
      () => `${name} has letters that begin at token ${fates.first}, and rows that begin at ${row?.[5]}`,
    );
}

function checkRow(
  request: RequestModel['request'],
  fates: RequestFates,
  row: SeenRow | undefined,
  name: string,
  violations: Violations,
): void {
  const expected = expectedRow(request, fates, Infinity);
  if (String(row) === String(expected)) return;
  const [events, wanted] = [row?.[2] ?? 0, expected?.[2] ?? 0];
  const kind = events < wanted ? 'lost' : events > wanted ? 'duplicated' : 'content';
  violations.add(kind, `${name} has ${String(row)}; by its dead letters it should have ${String(expected)}`);
}

/** What an operator was told is so in the end, and no token was given out twice. */
export function checkResolutions(model: TenantModel, violations: Violations): void {
  const byId = new Map(model.letters.map((letter) => [letter.id, letter]));
  for (const { id, state, token } of model.resolved) {
    const letter = byId.get(id);
    const name = `dead letter ${id} of ${model.tenant}`;
    if (state === 'replayed')
      violations.expect(
        letter?.state === 'replayed' && letter.replayedToken === token,
        'lost',
        () => `${name} was replayed as ${token}, and is ${letter?.state} as ${letter?.replayedToken}`,
      );
    if (state === 'discarded')
      violations.expect(
        letter?.state === 'discarded',
        'answer',
        () => `${name} was discarded, and is ${letter?.state}`,
      );
  }
  const tokens = new Set<number>();
  for (const { id, replayedToken } of model.letters) {
    if (replayedToken === null) continue;
    const floor = model.resolveFloors.get(id) ?? 0;
    violations.expect(
      replayedToken > floor && !tokens.has(replayedToken),
      'order',
      () =>
        `dead letter ${id} of ${model.tenant} was replayed as ${replayedToken}; ${floor} was known before`,
    );
    tokens.add(replayedToken);
  }
}
