import { freeBuffer, joinBuffers } from './own-memory.js';

const KIB = 1024;

describe('freeBuffer', () => {
  it('empties a large buffer that has its memory for itself, and leaves parts of others alone', () => {
    const own = Buffer.allocUnsafeSlow(64 * KIB);
    freeBuffer(own);
    expect(own.length).toBe(0);
    const whole = Buffer.allocUnsafeSlow(64 * KIB).fill(1);
    freeBuffer(whole.subarray(0, 32 * KIB));
    expect(whole.length).toBe(64 * KIB);
    const small = Buffer.from('small');
    freeBuffer(small);
    expect(small.toString()).toBe('small');
  });

  it('may be called again', () => {
    const own = Buffer.allocUnsafeSlow(64 * KIB);
    freeBuffer(own);
    expect(() => freeBuffer(own)).not.toThrow();
  });
});

describe('joinBuffers', () => {
  it('copies what it frees', () => {
    const chunks = ['a', 'b', 'c'].map((text) => Buffer.allocUnsafeSlow(20 * KIB).fill(text));
    const whole = joinBuffers(chunks, 60 * KIB);
    expect(whole.toString()).toBe('a'.repeat(20 * KIB) + 'b'.repeat(20 * KIB) + 'c'.repeat(20 * KIB));
    expect(chunks.map(({ length }) => length)).toEqual([0, 0, 0]);
  });

  it('hands a single chunk on, and answers an empty buffer for none', () => {
    const only = Buffer.allocUnsafeSlow(20 * KIB).fill('x');
    expect(joinBuffers([only], only.length)).toBe(only);
    expect(only.length).toBe(20 * KIB);
    expect(joinBuffers([], 0).length).toBe(0);
  });
});
