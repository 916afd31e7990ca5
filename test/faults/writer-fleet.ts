import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { RequestEntry } from './history.js';
import type { Random } from './random.js';
import type { World } from './world.js';
import type { WriterPlan } from './writers.js';

/** What a process of writers is told first. */
export interface WriterTask {
  readonly historyFile: string;
  readonly seed: number;
  readonly writers: readonly WriterPlan[];
  readonly tenants: readonly {
    readonly id: string;
    readonly key: string;
    readonly tables: readonly string[];
    readonly brief: string | undefined;
  }[];
  readonly apis: readonly { readonly name: string; readonly url: string }[];
  /** The numbers before the first of its requests and attempts. */
  readonly requestsFrom: number;
  readonly attemptsFrom: number;
}

export type ToWriters =
  | { readonly kind: 'begin'; readonly task: WriterTask }
  /** Another process had it acknowledged: for those who repeat or misuse it. */
  | { readonly kind: 'acknowledged'; readonly request: RequestEntry }
  | { readonly kind: 'stop' }
  /** Everything has healed: what is not answered in so many milliseconds never will be. */
  | { readonly kind: 'healed'; readonly giveUpMs: number };

export interface FromWriters {
  readonly kind: 'acknowledged';
  readonly request: RequestEntry;
  readonly token: number;
}

const PROCESSES = 3;
/** More than a process can use in a round. */
const NUMBERS = 100_000;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** The writers of a round, in processes of their own, each with a history of its own. */
export class WriterFleet {
  readonly histories: readonly string[];
  /** Rejects when a process fails. */
  readonly ended: Promise<void>;
  private readonly children: readonly ChildProcess[];

  private constructor(children: readonly ChildProcess[], histories: readonly string[]) {
    this.children = children;
    this.histories = histories;
    this.ended = Promise.all(children.map(endOf)).then(() => undefined);
    // It is waited for at the end.
    this.ended.catch(() => undefined);
  }

  static start(world: World, historyFile: string, plans: readonly WriterPlan[], random: Random): WriterFleet {
    const count = Math.min(PROCESSES, plans.length);
    const tasks = Array.from({ length: count }, (_, n): WriterTask => {
      const { requests, attempts } = world.counters;
      world.counters.requests += NUMBERS;
      world.counters.attempts += NUMBERS;
      return {
        historyFile: `${historyFile}.writers-${n + 1}`,
        seed: random.between(1, 2 ** 31),
        writers: plans.filter((_plan, index) => index % count === n),
        tenants: world.tenants.map(({ id, key, tables, brief }) => ({ id, key, tables, brief })),
        apis: world.stack.withRole('api').map(({ name, url }) => ({ name, url })),
        requestsFrom: requests,
        attemptsFrom: attempts,
      };
    });
    const children = tasks.map(() => fork(join(import.meta.dirname, 'writer-process.mjs')));
    for (const [n, child] of children.entries()) {
      running.add(child);
      child.on('message', ({ request, token }: FromWriters) => {
        world.acknowledged(request, token);
        for (const other of children) if (other !== child) tell(other, { kind: 'acknowledged', request });
      });
      const task = tasks[n];
      if (task !== undefined) tell(child, { kind: 'begin', task });
    }
    return new WriterFleet(
      children,
      tasks.map((task) => task.historyFile),
    );
  }

  /** They finish what they have begun. */
  stop(): void {
    for (const child of this.children) tell(child, { kind: 'stop' });
  }

  healed(giveUpMs: number): void {
    for (const child of this.children) tell(child, { kind: 'healed', giveUpMs });
  }

  kill(): void {
    for (const child of this.children) child.kill('SIGKILL');
  }
}

function tell(child: ChildProcess, message: ToWriters): void {
  // One that has ended is told of by `ended`.
  if (child.connected) child.send(message, () => undefined);
}

async function endOf(child: ChildProcess): Promise<void> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  running.delete(child);
  if (code !== 0) throw new Error(`a process of writers ended with ${code ?? signal}`);
}
