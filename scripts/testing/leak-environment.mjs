import { setTimeout as delay } from 'node:timers/promises';
import { TestEnvironment } from 'jest-environment-node';

/** What a test file may not leave open. All of these keep a process from ending. */
const WATCHED = [
  'TCPSocketWrap',
  'TCPServerWrap',
  'PipeWrap',
  'UDPWrap',
  'ProcessWrap',
  'FSEventWrap',
  'StatWatcher',
  'Timeout',
];
const SETTLE_MS = 3_000;
const POLL_MS = 20;

const openHandles = () => {
  const counts = Object.fromEntries(WATCHED.map((type) => [type, 0]));
  for (const type of process.getActiveResourcesInfo()) if (type in counts) counts[type] += 1;
  return counts;
};

/** Fails a test file that ends with more sockets, servers, child processes or timers open than it began with. */
export default class LeakEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    this.before = openHandles();
  }

  /** A spec puts functions into `globalThis.showOnFailure` that print what helps to understand a failure. */
  handleTestEvent({ name }) {
    if (name !== 'test_fn_failure' && name !== 'hook_failure') return;
    this.failed = true;
    for (const show of this.global.showOnFailure ?? []) show();
  }

  async teardown() {
    const before = this.before;
    await super.teardown();
    // What a failed test left open is not what is wrong, and an error here would be shown in place of its own.
    if (this.failed) return;
    let leaked = grown(before, openHandles());
    for (let waited = 0; leaked.length > 0 && waited < SETTLE_MS; waited += POLL_MS) {
      await delay(POLL_MS);
      leaked = grown(before, openHandles());
    }
    if (leaked.length > 0) throw new Error(`This file leaves handles open: ${leaked.join(', ')}`);
  }
}

function grown(before, now) {
  return WATCHED.filter((type) => now[type] > before[type]).map(
    (type) => `${now[type] - before[type]} ${type}`,
  );
}
