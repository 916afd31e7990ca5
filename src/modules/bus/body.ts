import { constants, zstdCompressSync } from 'node:zlib';
import { forEachLine, type PlannedBatch } from './judgement.js';

const LEVEL_1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** The body of a batch: NDJSON, zstd level 1, one frame. Frames of several batches may follow one another. */
export function encodeBody(batchId: number, batch: PlannedBatch): Buffer {
  let text = '';
  forEachLine(batch, (ordinal, key, { op, eventTime, payload }) => {
    const time = eventTime === undefined ? '' : `"e":"${eventTime}",`;
    text += `{"b":${batchId},"o":${ordinal},"op":"${op}","k":${JSON.stringify(key)},${time}"p":${payload}}\n`;
  });
  return zstdCompressSync(text, LEVEL_1);
}
