import type { EngineChild } from './engine-child.js';

const INTERRUPT_GRACE_MS = 1000;

/**
 * Sends the request. When the signal aborts, the child is asked to stop, and killed when it has not within a
 * second; the signal's reason is then thrown.
 */
export async function requestUntil<T>(
  child: EngineChild,
  body: unknown,
  signal: AbortSignal | undefined,
): Promise<T> {
  signal?.throwIfAborted();
  let killer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    child.cancel();
    killer = setTimeout(() => child.kill('timeout', 'it did not heed an interrupt'), INTERRUPT_GRACE_MS);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await child.request<T>(body);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(killer);
    signal?.removeEventListener('abort', onAbort);
  }
}
