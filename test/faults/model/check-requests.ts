import { markOf } from '../events.js';
import type { SeenRow } from '../history.js';
import { checkLetters, checkResolutions } from './check-letters.js';
import type { RequestModel, TenantModel } from './tenant-model.js';
import type { Violations } from './violation.js';

/** Every request against the rows that there are in the end. */
export function checkRequests(model: TenantModel, violations: Violations): void {
  const rows = model.finalRows();
  for (const request of model.requests.values()) {
    const own = rows.get(request.request.r) ?? [];
    const special = model.isSpecial(request.request.r);
    if (!special) checkRows(request, own, model, violations);
    checkAnswers(request, own[0], model, violations);
    if (!special) checkReceipts(request, own[0], violations);
    checkLetters(request, own[0], model, violations);
  }
  checkResolutions(model, violations);
  for (const r of model.fates.keys()) {
    if (!model.requests.has(r))
      violations.add('content', `${model.tenant} has dead letters of request ${r}, which is not its own`);
  }
  for (const [r, [row]] of rows) {
    if (!model.requests.has(r))
      violations.add(
        'content',
        `${model.tenant}.${row?.[0] ?? ''} has events of request ${r}, which is not its own`,
      );
  }
  checkTokens(model, violations);
}

const nameOf = ({ request }: RequestModel): string =>
  `request ${request.r} (${request.tenant}.${request.table})`;

function checkRows(
  model: RequestModel,
  rows: readonly SeenRow[],
  tenantModel: TenantModel,
  violations: Violations,
): void {
  const { table, tenant, r, abuses, brief } = model.request;
  const count = tenantModel.taken(model.request);
  const name = nameOf(model);
  const acknowledged = model.answers.length > 0;
  const [row] = rows;
  if (row === undefined) {
    if (acknowledged && count > 0 && abuses === undefined && !wasDiscarded(model))
      violations.add(
        'lost',
        `${name} was acknowledged with token ${model.answers[0]?.token} and none of its ${count} events is there`,
      );
    return;
  }
  if (abuses !== undefined) {
    violations.add(
      'content',
      `${name} used a key of request ${abuses} for other content, and ${row[2]} of its events are there`,
    );
    return;
  }
  if (rows.length > 1 || row[0] !== table) {
    violations.add('content', `${name} shows in ${rows.map((each) => each[0]).join(' and ')}`);
    return;
  }
  const [, , events, positions, mark] = row;
  // A split may lie inside a request, and the drop of its table between the parts.
  if (brief === true && positions < count && wasDiscarded(model)) {
    violations.expect(
      events === positions && mark === markOf(tenant, r, positions),
      'torn',
      () => `${name} has ${events} events, and not the first of it`,
    );
    return;
  }
  if (positions < count) {
    const text = `${positions} of ${count} events of ${name} are there`;
    violations.add(acknowledged ? 'lost' : 'torn', text);
  }
  if (positions > count)
    violations.add('content', `${name} has ${positions} events, of which it had sent ${count} to be written`);
  if (events > positions) violations.add('duplicated', `${name} has ${events} rows for ${positions} events`);
  if (events === count && positions === count && mark !== markOf(tenant, r, count))
    violations.add('content', `the events of ${name} have another content than was sent`);
}

/** Its table was dropped before it was published, and its receipt says so. */
const wasDiscarded = ({ request, receipts }: RequestModel): boolean =>
  request.brief === true && receipts.some(({ state }) => state.includes('discarded'));

function checkAnswers(
  model: RequestModel,
  row: SeenRow | undefined,
  tenant: TenantModel,
  violations: Violations,
): void {
  const { request, answers, refusal } = model;
  const { count, repeats, abuses } = request;
  const name = nameOf(model);
  if (abuses !== undefined) {
    violations.expect(
      answers.length === 0,
      'answer',
      () => `${name} used a key for other content and was taken`,
    );
    return;
  }
  const wasAway = request.brief === true && refusal?.code === 'TABLE_NOT_FOUND';
  if (refusal !== undefined && !wasAway)
    violations.add('refused', `${name} was refused with ${refusal.status} ${refusal.code}`);
  const misfits = request.misfits ?? 0;
  const whole = count + (repeats?.count ?? 0) + misfits;
  const original = repeats === undefined ? undefined : tenant.requests.get(repeats.r)?.answers[0]?.token;
  const replayed = new Set([
    ...(tenant.fates.get(request.r)?.replayed ?? []),
    ...(repeats === undefined ? [] : (tenant.fates.get(repeats.r)?.replayed ?? [])),
  ]);
  const special = tenant.isSpecial(request.r);
  const last = special
    ? (tenant.fates.get(request.r)?.first ?? 0) + count + misfits - 1
    : row === undefined
      ? undefined
      : row[6] + count + misfits - tenant.taken(request);
  let asNew = 0;
  for (const answer of answers) {
    const { accepted, duplicates, quarantined, token } = answer;
    const fitted = request.oversize === true && quarantined === 0 ? misfits : 0;
    const isNew =
      accepted === count + fitted &&
      quarantined === misfits - fitted &&
      duplicates === whole - count - misfits;
    const isRepeat = accepted === 0 && quarantined === 0 && duplicates === whole;
    if (isNew && count > 0) asNew += 1;
    violations.expect(
      isNew || isRepeat,
      'answer',
      () =>
        `${name} of ${whole} records was answered ${accepted} accepted, ${duplicates} duplicates, ${quarantined} quarantined`,
    );
    violations.expect(
      token === answers[0]?.token || replayed.has(token) || replayed.has(answers[0]?.token ?? 0),
      'answer',
      () => `${name} has token ${answers[0]?.token} in one answer and ${token} in another`,
    );
    if (last !== undefined) {
      const highest = Math.max(last, original ?? 0);
      violations.expect(
        // Of a batch in parts the last ones may have met the drop of their table.
        token === highest || replayed.has(token) || (token > highest && wasDiscarded(model)),
        'answer',
        () => `${name} was answered with token ${token} and has ${highest}`,
      );
    }
    if (answer.snapshot !== undefined) {
      const snapshot = tenant.chain.find(({ id }) => id === answer.snapshot);
      violations.expect(
        snapshot !== undefined && snapshot.watermark >= token,
        'stale',
        () =>
          `${name} was answered as visible in snapshot ${answer.snapshot}, which ${snapshot === undefined ? 'is not there' : `ends at ${snapshot.watermark}`}; its token is ${token}`,
      );
    }
  }
  violations.expect(asNew <= 1, 'duplicated', () => `${name} was accepted as new ${asNew} times`);
  const answeredOnce = answers.length > 0 && model.lostAttempts === 0 && model.attempts === 1;
  violations.expect(
    !answeredOnce || asNew === 1 || count === 0,
    'answer',
    () => `${name} was sent once and answered as a duplicate`,
  );
}

function checkReceipts(model: RequestModel, row: SeenRow | undefined, violations: Violations): void {
  const name = nameOf(model);
  for (const { state, first, last } of model.receipts) {
    if (wasDiscarded(model)) continue;
    if (row === undefined) {
      violations.expect(
        state === 'unknown',
        'receipt',
        () => `${name} is not there and its receipt says ${state}`,
      );
      continue;
    }
    const agrees = state === 'visible' && first === row[5] && last === row[6];
    violations.expect(
      agrees,
      'receipt',
      () =>
        `the receipt of ${name} says ${state}, tokens ${first} to ${last}; the rows have ${row[5]} to ${row[6]}`,
    );
  }
}

/** Tokens are handed out once, without holes inside a request, and in the order of time. */
function checkTokens(model: TenantModel, violations: Violations): void {
  const rows = [...(model.final?.rows ?? [])].sort((a, b) => a[5] - b[5]);
  let last: SeenRow | undefined;
  for (const row of rows) {
    const [, r, events, positions, , low, high] = row;
    // Its replayed events have tokens of their own.
    if (model.isSpecial(r)) continue;
    const request = model.requests.get(r);
    if (request !== undefined && events === positions && positions === model.taken(request.request)) {
      violations.expect(
        high - low + 1 === events,
        'order',
        () => `${nameOf(request)} has ${events} events between tokens ${low} and ${high}`,
      );
      violations.expect(
        low > request.floor,
        'order',
        () => `${nameOf(request)} was sent when token ${request.floor} was known, and has token ${low}`,
      );
    }
    if (last !== undefined && low <= last[6])
      violations.add('order', `requests ${last[1]} and ${r} of ${model.tenant} share token ${low}`);
    if (last === undefined || high > last[6]) last = row;
  }
}
