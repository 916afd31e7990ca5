import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import type { ClaimedBatch } from '../bus/index.js';

const decompress = promisify(zstdDecompress);
const compress = promisify(zstdCompress);
const LEVEL_1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** An event of a claim as its body has it. */
export interface BodyLine {
  readonly token: number;
  /** Empty where the body has no line for it. */
  readonly text: string;
  /** Why the line is not one that ingest writes; undefined where it is. */
  readonly fault: string | undefined;
}

/**
 * The events of what a claim holds of a batch, in token order. Every event is there, also where the body cannot be
 * read. Rejects only for faults that say nothing about the body, such as a lack of memory.
 */
export async function readLines(batch: ClaimedBatch): Promise<BodyLine[]> {
  const ordinals = ordinalsOf(batch);
  const lines = await textLines(batch.body);
  const inOrder = lines?.length === ordinals.length;
  const byOrdinal = inOrder ? undefined : new Map(lines?.map((text) => [ordinalOf(text), text]));
  return ordinals.flatMap((ordinal, index): BodyLine[] => {
    const token = batch.firstToken + ordinal;
    if (token < batch.fromToken || token > batch.toToken) return [];
    const text = inOrder ? lines[index] : byOrdinal?.get(ordinal);
    if (text !== undefined) return [{ token, text, fault: faultOf(text, batch.batchId, ordinal) }];
    const fault = lines === undefined ? 'the body cannot be decompressed' : 'the body has no line for it';
    return [{ token, text: '', fault }];
  });
}

/** A body of the given lines. */
export function bodyOf(lines: readonly BodyLine[]): Promise<Buffer> {
  return compress(lines.map(({ text }) => `${text}\n`).join(''), LEVEL_1);
}

/** A line as ingest writes it. */
export interface ParsedLine {
  readonly op: unknown;
  readonly k: string;
  readonly e?: string;
  readonly p: Readonly<Record<string, unknown>>;
}

/** Undefined where the text is not a line. */
export function parseLine(text: string): ParsedLine | undefined {
  const line = parseJson(text) as (ParsedLine & { readonly b: unknown; readonly o: unknown }) | undefined;
  if (typeof line !== 'object' || line === null) return undefined;
  const { k, e, p } = line;
  const wellFormed =
    typeof k === 'string' &&
    (e === undefined || typeof e === 'string') &&
    typeof p === 'object' &&
    p !== null &&
    !Array.isArray(p);
  return wellFormed ? line : undefined;
}

function ordinalsOf(batch: ClaimedBatch): number[] {
  const skipped = new Set(batch.skippedOrdinals);
  return Array.from({ length: batch.lastToken - batch.firstToken + 1 }, (_, ordinal) => ordinal).filter(
    (ordinal) => !skipped.has(ordinal),
  );
}

/** Undefined where the body cannot be decompressed. */
async function textLines(body: Buffer): Promise<string[] | undefined> {
  try {
    const lines = (await decompress(body)).toString('utf8').split('\n');
    if (lines.at(-1) === '') lines.pop();
    return lines;
  } catch (error) {
    if (isFaultOfTheBody(error)) return undefined;
    throw error;
  }
}

function isFaultOfTheBody(error: unknown): boolean {
  const { code = '' } = error as { code?: string };
  return (
    code === 'Z_BUF_ERROR' || (code.startsWith('ZSTD_error_') && code !== 'ZSTD_error_memory_allocation')
  );
}

function faultOf(text: string, batchId: number, ordinal: number): string | undefined {
  if (parseLine(text) === undefined) return 'its line in the body is malformed';
  const { b, o } = parseJson(text) as { readonly b: unknown; readonly o: unknown };
  return b === batchId && o === ordinal ? undefined : 'the body has another event in its place';
}

function ordinalOf(text: string): unknown {
  return (parseJson(text) as { o?: unknown } | undefined)?.o;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
