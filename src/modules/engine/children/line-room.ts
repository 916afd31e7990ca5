import { MAX_OBJECT_BYTES, USUAL_OBJECT_BYTES } from './write-sql.js';

/** Reads with room for lines of usual length; where one is longer, again with room for the longest, after `clear`. */
export async function withRoomForLines<T>(
  read: (maxObjectBytes: number) => Promise<T>,
  clear: () => Promise<void>,
): Promise<T> {
  try {
    return await read(USUAL_OBJECT_BYTES);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('maximum_object_size')) throw error;
    await clear();
    return read(MAX_OBJECT_BYTES);
  }
}
