import type { SeenRow } from '../history.js';
import { expectedRow } from './fates.js';
import { rowsByRequest, type ReadModel, type TenantModel } from './tenant-model.js';
import type { Violations } from './violation.js';

/**
 * A snapshot with watermark W is the final rows cut at W: everything at or below, nothing above, whoever asked and
 * whenever. It answers the same each time.
 */
export function checkReads(model: TenantModel, violations: Violations): void {
  const first = new Map<string, string>();
  for (const read of model.reads) {
    const { rows } = read;
    if (rows === undefined) continue;
    checkBounds(read, rows.watermark, model, violations);
    const text = textOf(rows.watermark, rows.rows);
    const asked = `${rows.snapshot} ${read.read.brief === true}`;
    const known = first.get(asked);
    if (known === undefined) first.set(asked, text);
    else if (known !== text)
      violations.add(
        'changed',
        `snapshot ${rows.snapshot} of ${model.tenant} answered read ${read.read.q} otherwise than before`,
      );
    if (model.final !== undefined) compare(read, rows.watermark, rows.rows, model, violations);
  }
  checkWatermarks(model, violations);
}

function checkBounds(
  { read, floor, rows }: ReadModel,
  watermark: number,
  model: TenantModel,
  violations: Violations,
): void {
  const name = `read ${read.q} of ${model.tenant}`;
  if (read.snapshot !== undefined) {
    violations.expect(
      rows?.snapshot === read.snapshot,
      'answer',
      () => `${name} asked for snapshot ${read.snapshot} and got ${rows?.snapshot}`,
    );
    return;
  }
  violations.expect(
    watermark >= (read.token ?? 0),
    'stale',
    () => `${name} asked for token ${read.token} and got watermark ${watermark}`,
  );
  violations.expect(
    watermark >= floor,
    'stale',
    () => `${name} got watermark ${watermark} after another had got ${floor}`,
  );
}

function compare(
  { read }: ReadModel,
  watermark: number,
  rows: readonly SeenRow[],
  model: TenantModel,
  violations: Violations,
): void {
  const name = `read ${read.q} of ${model.tenant} at watermark ${watermark}`;
  const seen = rowsByRequest(rows);
  for (const final of model.final?.rows ?? []) {
    const [table, r, , , , low, high] = final;
    if (model.isSpecial(r) || (model.requests.get(r)?.request.brief === true && read.brief !== true))
      continue;
    const own = seen.get(r)?.find((row) => row[0] === table);
    if (high <= watermark) {
      if (own === undefined)
        violations.add('stale', `${name} lacks request ${r} with tokens ${low} to ${high}`);
      else if (String(own) !== String(final))
        violations.add(
          'torn',
          `${name} has ${String(own)} of request ${r}, in the end it is ${String(final)}`,
        );
    } else if (low > watermark) {
      if (own !== undefined)
        violations.add('order', `${name} has request ${r} with tokens ${low} to ${high}`);
    } else if (!isCut(own, final, watermark)) {
      violations.add('torn', `${name} has ${String(own)} of request ${r}, in the end it is ${String(final)}`);
    }
  }
  for (const [r, fates] of model.fates) {
    const request = model.requests.get(r)?.request;
    if (request === undefined || !model.isSpecial(r)) continue;
    const expected = expectedRow(request, fates, watermark);
    const own = seen.get(r)?.[0];
    if (String(own) !== String(expected))
      violations.add(
        own === undefined ? 'stale' : 'torn',
        `${name} has ${String(own)} of request ${r}; by its dead letters it should have ${String(expected)}`,
      );
  }
  const ends = model.finalRows();
  for (const r of seen.keys()) {
    if (!ends.has(r)) violations.add('lost', `${name} had request ${r}, which is not there in the end`);
  }
}

/** Where a range is split to find an event that cannot be written, a watermark may lie inside a request. */
function isCut(own: SeenRow | undefined, final: SeenRow, watermark: number): boolean {
  const [, , events, positions, , low] = final;
  const cut = watermark - low + 1;
  return events === positions && own?.[2] === cut && own[3] === cut && own[6] === watermark;
}

function checkWatermarks(model: TenantModel, violations: Violations): void {
  let published = 0;
  let clock = 0;
  for (const each of model.watermarks) {
    violations.expect(
      each.published >= published,
      'order',
      () => `the watermark of ${model.tenant} went from ${published} back to ${each.published}`,
    );
    violations.expect(
      each.clock >= clock,
      'order',
      () => `the clock of ${model.tenant} went from ${clock} back to ${each.clock}`,
    );
    violations.expect(
      each.published <= each.clock,
      'order',
      () => `the watermark of ${model.tenant} is ${each.published}, above its clock ${each.clock}`,
    );
    ({ published, clock } = each);
  }
}

function textOf(watermark: number, rows: readonly SeenRow[]): string {
  const sorted = rows.map((row) => row.join(' ')).sort();
  return `${watermark}\n${sorted.join('\n')}`;
}
