import { constants, zstdCompressSync } from 'node:zlib';
import { forEachLine, type PlannedBatch } from './judgement.js';

/** Where a body's bytes are written before they are compressed: one after the other, so one place does. */
const scratch = Buffer.allocUnsafeSlow(4 * 1024 * 1024);
const MAX_BYTES_PER_UNIT = 3;

const LEVEL_1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** The body of a batch: NDJSON, zstd level 1, one frame. Frames of several batches may follow one another. */
export function encodeBody(batchId: number, batch: PlannedBatch): Buffer {
  let text = '';
  forEachLine(batch, (ordinal, key, { op, eventTime, payload }) => {
    const time = eventTime === undefined ? '' : `"e":"${eventTime}",`;
    text += `{"b":${batchId},"o":${ordinal},"op":"${op}","k":${JSON.stringify(key)},${time}"p":${payload}}\n`;
  });
  return zstdCompressSync(bytesOf(text), LEVEL_1);
}

function bytesOf(text: string): Buffer {
  if (text.length * MAX_BYTES_PER_UNIT > scratch.length) return Buffer.from(text);
  return scratch.subarray(0, scratch.write(text));
}
