import { dueInMs } from './cadence.js';

const settings = { maxDelayMs: 1000, targetRows: 100, targetBytes: 1000 };
const backlog = {
  tenantId: 'acme',
  publishedToken: 10,
  lastToken: 20,
  pendingEvents: 10,
  pendingBytes: 100,
  oldestAgeMs: 300,
};
const NOW = 10_000;
const never = undefined;

describe('dueInMs', () => {
  it('waits for the delay of the oldest event', () => {
    expect(dueInMs(backlog, 0, never, NOW, settings)).toBe(700);
    expect(dueInMs({ ...backlog, oldestAgeMs: 1000 }, 0, never, NOW, settings)).toBe(0);
  });

  it('does not wait when a token above the watermark is waited for', () => {
    expect(dueInMs(backlog, 11, never, NOW, settings)).toBe(0);
    expect(dueInMs(backlog, 10, never, NOW, settings)).toBe(700);
  });

  it('leaves 50 ms, and twice the last commit, between two commits', () => {
    const quick = { lastEndedAt: NOW - 10, lastDurationMs: 5 };
    const slow = { lastEndedAt: NOW - 10, lastDurationMs: 200 };
    expect(dueInMs(backlog, 11, quick, NOW, settings)).toBe(40);
    expect(dueInMs(backlog, 11, slow, NOW, settings)).toBe(390);
    expect(dueInMs({ ...backlog, oldestAgeMs: 5000 }, 0, slow, NOW, settings)).toBe(390);
  });

  it('bears a clock that is set back or forward', () => {
    const setBack = { lastEndedAt: NOW + 3_600_000, lastDurationMs: 100 };
    expect(dueInMs(backlog, 11, setBack, NOW, settings)).toBe(200);
    const setForward = { lastEndedAt: NOW, lastDurationMs: 3_600_000 };
    expect(dueInMs(backlog, 11, setForward, NOW, settings)).toBe(300_000);
  });

  it.each([
    ['rows', { pendingEvents: 100 }],
    ['bytes', { pendingBytes: 1000 }],
  ])('is due at once when the %s fill a file', (_, full) => {
    const slow = { lastEndedAt: NOW, lastDurationMs: 200 };
    expect(dueInMs({ ...backlog, ...full }, 0, slow, NOW, settings)).toBe(0);
  });
});
