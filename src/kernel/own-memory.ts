/** Below this, what is left to the garbage collector costs less than to free it. */
const MIN_BYTES = 16 * 1024;

/**
 * Frees a buffer's memory now, and leaves it empty. Buffers live outside of V8's heap, which lets tens of MiB of dead
 * ones gather before it looks. Only for a buffer that nobody reads any more; one that is a part of another's memory is
 * left alone.
 */
export function freeBuffer(buffer: Buffer): void {
  const memory = buffer.buffer;
  if (buffer.length < MIN_BYTES || buffer.length !== memory.byteLength) return;
  if (memory instanceof ArrayBuffer) memory.transfer(0);
}

/** The chunks as one buffer; they are of no use afterwards. `bytes` is the sum of their lengths. */
export function joinBuffers(chunks: readonly Buffer[], bytes: number): Buffer {
  const [first] = chunks;
  if (first !== undefined && chunks.length === 1) return first;
  const whole = Buffer.concat(chunks, bytes);
  chunks.forEach(freeBuffer);
  return whole;
}
