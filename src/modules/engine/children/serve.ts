import { readFileSync } from 'node:fs';
import { faultOf } from './duckdb-faults.js';
import {
  type ChildSetup,
  type ChildUser,
  type Fault,
  FaultError,
  type FromChild,
  type ToChild,
} from './protocol.js';

/** What a kind of child does. One request at a time. */
export interface ChildWork {
  handle(body: unknown, requestId: number): Promise<unknown>;
  /** Ends the request under way soon, with an error. */
  cancel(): void;
  /** Makes ready for the next request, once before the first and after each reply. */
  settle?(): Promise<void>;
}

/** Runs a child until its parent goes away. `open` is given what the parent said at the start. */
export async function serve(open: (setup: ChildSetup) => Promise<ChildWork>): Promise<void> {
  process.on('disconnect', die);
  if (!process.connected) die();
  const setup = JSON.parse(process.argv[2] ?? '{}') as ChildSetup;
  const work = await open(setup);
  if (setup.becomes !== undefined) become(setup.becomes);
  await work.settle?.();
  let current = 0;
  process.on('message', (message: ToChild) => {
    if (message.kind === 'cancel') {
      if (message.id === current) work.cancel();
      return;
    }
    current = message.id;
    void answer(work, message.id, message.body)
      .then((reply) => {
        current = 0;
        send(reply);
        return work.settle?.();
      })
      .then(() => send({ kind: 'settled', id: message.id, addressSpaceBytes: addressSpaceBytes() }));
  });
  send({ kind: 'ready', addressSpaceBytes: addressSpaceBytes(), limited: isLimited() });
}

/** A statement can make DuckDB's message as long as it likes. */
const MAX_MESSAGE = 2000;

/** For good: after this the child cannot read what is the service's alone. Its own code is loaded by now. */
function become({ uid, gid }: ChildUser): void {
  process.setgroups?.([]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  if (process.getuid?.() !== uid) throw new Error('the child could not give its privileges up');
}

async function answer(work: ChildWork, id: number, body: unknown): Promise<FromChild> {
  try {
    const value = await work.handle(body, id);
    return { kind: 'answer', id, body: value };
  } catch (error) {
    const fault = error instanceof FaultError ? error.fault : faultOf(error);
    return { kind: 'fault', id, fault: shortened(fault) };
  }
}

function shortened(fault: Fault): Fault {
  if (fault.message.length <= MAX_MESSAGE) return fault;
  return { ...fault, message: `${fault.message.slice(0, MAX_MESSAGE).toWellFormed()}…` };
}

function send(message: FromChild): void {
  process.send?.(message, undefined, undefined, (error) => {
    if (error !== null) die();
  });
}

/** At once: DuckDB's threads may be busy, and nothing here is worth flushing. */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  process.exit(1);
}

function addressSpaceBytes(): number | null {
  const kib = /^VmSize:\s+(\d+) kB$/m.exec(readProc('/proc/self/status'))?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}

function isLimited(): boolean {
  return /^Max address space\s+\d+/m.test(readProc('/proc/self/limits'));
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
