import type { RunModel, TenantModel } from './tenant-model.js';
import type { Violations } from './violation.js';

/** One chain of snapshots from the first to the head, each by the holder of its claim. */
export function checkChain(model: TenantModel, violations: Violations): void {
  const { tenant, chain, final } = model;
  chain.forEach((snapshot, index) => {
    const { id, parent, sequence, watermark, isHead, operation, by, holder } = snapshot;
    const before = chain[index - 1];
    violations.expect(
      parent === (before?.id ?? null),
      'chain',
      () => `snapshot ${id} of ${tenant} has parent ${parent}, not ${before?.id}`,
    );
    violations.expect(
      before === undefined || sequence === before.sequence + 1,
      'chain',
      () => `snapshot ${id} of ${tenant} has sequence number ${sequence} after ${before?.sequence}`,
    );
    violations.expect(
      before === undefined || watermark >= before.watermark,
      'order',
      () => `snapshot ${id} of ${tenant} has watermark ${watermark} after ${before?.watermark}`,
    );
    violations.expect(
      isHead === (index === chain.length - 1),
      'chain',
      () =>
        `snapshot ${id} of ${tenant} is ${isHead ? 'the head but not the last' : 'the last but not the head'}`,
    );
    if (operation === 'append' && holder !== null)
      violations.expect(
        by === holder,
        'fence',
        () => `snapshot ${id} of ${tenant} was published by ${by} while ${holder} held the claim`,
      );
  });
  if (final === undefined) return;
  const head = chain.at(-1);
  violations.expect(
    chain.length === 0 || head?.id === final.snapshot,
    'chain',
    () => `the last read of ${tenant} was on snapshot ${final.snapshot}, its head is ${head?.id}`,
  );
  violations.expect(
    final.watermark === final.clock,
    'stuck',
    () => `the watermark of ${tenant} is ${final.watermark} in the end, its clock ${final.clock}`,
  );
}

/** Every file of a kept snapshot is in the store as the catalog says, and nothing is there that it does not know. */
export function checkFiles(run: RunModel, violations: Violations): void {
  for (const { path, state, found } of run.files) {
    const needed = state === 'live' || state === 'removed';
    if (needed && found !== 'right') violations.add('file', `${path} (${state}) is ${found}`);
  }
  for (const key of run.strays) violations.add('file', `${key} is in the store and not in the catalog`);
}
