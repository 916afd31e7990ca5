import type { LaunchOptions } from './child-launch.js';
import { EngineChild } from './engine-child.js';

/** Room beyond the measured idle size, because no two starts are alike to the page. */
const SLACK_BYTES = 64 * 1024 * 1024;

/**
 * Limit on the address space of a child: what an idle one takes, measured once, plus `memoryBytes`.
 * Undefined where the system does not tell the size.
 */
export async function addressSpaceLimit(
  launch: LaunchOptions,
  memoryBytes: number,
): Promise<number | undefined> {
  const probe = await EngineChild.start({ ...launch, addressSpaceBytes: undefined });
  const idle = probe.idleAddressSpaceBytes;
  await probe.close();
  return idle === null ? undefined : idle + memoryBytes + SLACK_BYTES;
}
