import type { Transform } from 'node:stream';
import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import { AppError, joinBuffers } from '../kernel/index.js';
import type { RequestHold } from './admissions.js';
import { bodyInvalid, bodyTooLarge } from './body.errors.js';

export type Encoding = 'gzip' | 'zstd';

const CHUNK_BYTES = 64 * 1024;
/** RFC 9659: zstd as a content coding needs no window above 8 MiB. */
const MAX_WINDOW_LOG = 23;
/** A frame costs work even when it is empty. */
const MAX_FRAMES = 1024;

const inflaters: Record<Encoding, () => Transform & { readonly bytesWritten: number }> = {
  gzip: () => createGunzip({ chunkSize: CHUNK_BYTES }),
  zstd: () =>
    createZstdDecompress({
      chunkSize: CHUNK_BYTES,
      params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
    }),
};

/** Decompresses. Stops as soon as the output passes `maxBytes`; rejects with PAYLOAD_TOO_LARGE or REQUEST_INVALID. */
export async function inflate(
  compressed: Buffer,
  encoding: Encoding,
  maxBytes: number,
  hold: RequestHold,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let inflatedBytes = 0;
  let rest = compressed;
  let frames = 0;
  do {
    frames += 1;
    if (frames > MAX_FRAMES) throw bodyInvalid(`The body has more than ${MAX_FRAMES} ${encoding} frames.`);
    const inflater = inflaters[encoding]();
    inflater.end(rest);
    try {
      for await (const chunk of inflater as AsyncIterable<Buffer>) {
        inflatedBytes += chunk.length;
        if (inflatedBytes > maxBytes) throw bodyTooLarge(maxBytes, 'after decompression');
        hold.take(chunk.length);
        chunks.push(chunk);
      }
    } catch (error) {
      if (error instanceof AppError) throw error;
      throw bodyInvalid(`The body is not whole and valid ${encoding}.`);
    }
    // Node's zstd ends after one frame and drops what follows; a body may be several frames.
    rest =
      encoding === 'zstd' && inflater.bytesWritten > 0
        ? rest.subarray(inflater.bytesWritten)
        : rest.subarray(rest.length);
  } while (rest.length > 0);
  return joinBuffers(chunks, inflatedBytes);
}
