import { constants, zstdCompressSync } from 'node:zlib';
import type { PlannedLine } from './judgement.js';

const LEVEL_1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** The body of a batch: NDJSON, zstd level 1, one frame. Frames of several batches may follow one another. */
export function encodeBody(batchId: number, lines: readonly PlannedLine[]): Buffer {
  let text = '';
  for (const { ordinal, key, record } of lines) {
    const eventTime = record.eventTime === undefined ? '' : `"e":"${record.eventTime}",`;
    text += `{"b":${batchId},"o":${ordinal},"op":"${record.op}","k":${JSON.stringify(key)},${eventTime}"p":${record.payload}}\n`;
  }
  return zstdCompressSync(text, LEVEL_1);
}
