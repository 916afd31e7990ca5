import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChildSetup } from './children/protocol.js';

export type ChildName = 'gate-child' | 'query-child' | 'write-child';

export interface LaunchOptions {
  readonly name: ChildName;
  readonly setup: ChildSetup;
  /** Heap of the child's own JavaScript, in MiB. */
  readonly heapMib: number;
  /** Limit on the address space; absent for none. */
  readonly addressSpaceBytes?: number | undefined;
  /** Folder of the compiled children; only tests give one. */
  readonly childrenDir?: string | undefined;
}

/**
 * Starts a child in a process group of its own, without the parent's environment.
 * Its standard error and row pipe are pipes; control messages go over IPC.
 */
export function launchChild(options: LaunchOptions): ChildProcess {
  const node = [
    `--max-old-space-size=${options.heapMib}`,
    '--max-semi-space-size=1',
    '--no-warnings',
    childScript(options.name, options.childrenDir),
    JSON.stringify(options.setup),
  ];
  const limit =
    options.addressSpaceBytes === undefined
      ? ''
      : `ulimit -v ${Math.ceil(options.addressSpaceBytes / 1024)} || true; `;
  return spawn('/bin/sh', ['-c', `ulimit -c 0; ${limit}exec "$@"`, 'sh', process.execPath, ...node], {
    cwd: '/',
    detached: true,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', TZ: 'UTC', MALLOC_ARENA_MAX: '2' },
    serialization: 'json',
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'ipc'],
  });
}

/** Children are plain JavaScript: beside this file once compiled, else in the build at the root. */
function childScript(name: ChildName, childrenDir: string | undefined): string {
  const here = fileURLToPath(import.meta.url);
  const compiled = resolve(dirname(here), '../../../dist/src/modules/engine/children');
  const folder = childrenDir ?? (here.endsWith('.ts') ? compiled : join(dirname(here), 'children'));
  return join(folder, `${name}.js`);
}
