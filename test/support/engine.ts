import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { type Column, createLogger } from '../../src/kernel/index.js';
import { DuckDbQueryEngine, type QueryEngineOptions } from '../../src/modules/engine/query-engine.duckdb.js';
import { DuckDbWriteEngine, type WriteEngineOptions } from '../../src/modules/engine/write-engine.duckdb.js';
import type { PartitionFile, WriteEngine, WriteJob } from '../../src/modules/engine/write-engine.js';
import { makeTempFolder } from './temp-folder.js';

/** Compiled children: of TIDEMARK_TEST_ENGINE_CHILDREN when set, else of the build at the root. */
export function engineChildrenDir(): string {
  const dir =
    process.env.TIDEMARK_TEST_ENGINE_CHILDREN ??
    resolve(import.meta.dirname, '../../dist/src/modules/engine/children');
  if (!existsSync(join(dir, 'write-child.js')))
    throw new Error(`no compiled engine children in ${dir}: build first`);
  return dir;
}

export const silentLogger = createLogger('silent');

export interface TestFolder {
  readonly path: string;
  remove(): Promise<void>;
}

export async function testFolder(): Promise<TestFolder> {
  const path = await makeTempFolder('engine');
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** One line of a body file. */
export interface BodyLine {
  readonly b: number;
  readonly o: number;
  readonly k: string;
  readonly e?: string | null;
  readonly p: Readonly<Record<string, unknown>>;
}

/** Writes lines as several zstd frames, one after the other, as the bus stores them. */
export async function writeBody(
  path: string,
  lines: readonly BodyLine[],
  linesPerFrame = 1000,
): Promise<void> {
  const frames: Buffer[] = [];
  for (let at = 0; at < lines.length; at += linesPerFrame) {
    const text = lines
      .slice(at, at + linesPerFrame)
      .map(
        (line) =>
          `${JSON.stringify({ b: line.b, o: line.o, op: 'insert', k: line.k, e: line.e ?? null, p: line.p })}\n`,
      )
      .join('');
    frames.push(zstdCompressSync(text));
  }
  await writeFile(path, Buffer.concat(frames));
}

/** Columns with field ids from 5 on, all nullable. */
export function columnsOf(types: Readonly<Record<string, string>>): Column[] {
  return Object.entries(types).map(([name, type], index) => ({ id: index + 5, name, type, nullable: true }));
}

/** An engine for queries over compiled children. */
export function newQueryEngine(options: Partial<QueryEngineOptions> = {}): DuckDbQueryEngine {
  return new DuckDbQueryEngine({
    concurrency: 2,
    memoryBytes: 512 * 1024 * 1024,
    threads: 2,
    logger: silentLogger,
    childrenDir: engineChildrenDir(),
    ...options,
  });
}

/** An engine for writing over compiled children, with its scratch in the folder. */
export function newWriteEngine(
  folder: TestFolder,
  options: Partial<WriteEngineOptions> = {},
): DuckDbWriteEngine {
  return new DuckDbWriteEngine({
    concurrency: 1,
    memoryBytes: 512 * 1024 * 1024,
    threads: 2,
    scratchDir: join(folder.path, 'scratch'),
    logger: silentLogger,
    childrenDir: engineChildrenDir(),
    ...options,
  });
}

/** The file of a job that makes one. */
export async function writeOne(
  engine: WriteEngine,
  job: WriteJob,
  signal?: AbortSignal,
): Promise<PartitionFile> {
  const [file, ...others] = await engine.writeParquet(job, signal);
  if (file === undefined || others.length > 0) throw new Error(`${others.length + 1} files were written`);
  return file;
}
