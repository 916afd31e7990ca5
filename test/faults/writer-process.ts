import { Pool } from 'undici';
import { History, type Entry, type RequestEntry } from './history.js';
import { Random } from './random.js';
import type { FromWriters, ToWriters, WriterTask } from './writer-fleet.js';
import { runWriter, type TargetTenant, type WriterScene } from './writers.js';

/** What the writers of one process share. */
class Scene implements WriterScene {
  readonly tenants: readonly TargetTenant[];
  readonly apis: WriterScene['apis'];
  stopping = false;
  giveUpAt = Infinity;
  requests: number;
  attempts: number;
  readonly history: History;

  constructor(task: WriterTask) {
    this.tenants = task.tenants.map((tenant) => ({ ...tenant, acknowledged: [], others: [] }));
    this.apis = task.apis.map(({ name, url }) => ({
      name,
      http: new Pool(url, { connections: 32, pipelining: 1 }),
    }));
    this.requests = task.requestsFrom;
    this.attempts = task.attemptsFrom;
    this.history = new History(task.historyFile);
  }

  record(entry: Entry): void {
    this.history.add(entry);
  }

  acknowledged(request: RequestEntry, token: number): void {
    const message: FromWriters = { kind: 'acknowledged', request, token };
    process.send?.(message);
  }

  /** By a writer of another process. */
  learn(request: RequestEntry): void {
    const tenant = this.tenants.find(({ id }) => id === request.tenant);
    tenant?.acknowledged.push(request);
    tenant?.others.push(request);
  }

  async close(): Promise<void> {
    this.history.close();
    await Promise.all(this.apis.map(({ http }) => http.destroy()));
  }
}

/** Answers who takes the parent's messages. The process ends when its writers have. */
export function runTask(): (message: ToWriters) => void {
  let scene: Scene | undefined;
  return (message) => {
    switch (message.kind) {
      case 'begin':
        scene = new Scene(message.task);
        run(scene, message.task).catch((error: unknown) => {
          console.error(error);
          process.exit(1);
        });
        break;
      case 'acknowledged':
        scene?.learn(message.request);
        break;
      case 'stop':
        if (scene !== undefined) scene.stopping = true;
        break;
      case 'healed':
        if (scene !== undefined) scene.giveUpAt = performance.now() + message.giveUpMs;
    }
  };
}

async function run(scene: Scene, { seed, writers }: WriterTask): Promise<void> {
  const random = new Random(seed);
  await Promise.all(writers.map((plan) => runWriter(scene, plan, random.fork())));
  await scene.close();
  process.disconnect();
}
