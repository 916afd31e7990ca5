import { jest } from '@jest/globals';
import { BodyPace } from './body-pace.js';

const WINDOW_MS = 1000;
const KIB = 1024;

describe('BodyPace', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  const body = () => {
    const reception = { receivedBytes: 0, givenUp: false, giveUp: () => void (reception.givenUp = true) };
    return reception;
  };

  it('gives up a body that brings less than 1 KiB in a whole window, and no other', () => {
    const pace = new BodyPace(WINDOW_MS);
    const [still, trickling, slow] = [body(), body(), body()];
    for (const one of [still, trickling, slow]) pace.follow(one);
    for (let window = 0; window < 5; window++) {
      jest.advanceTimersByTime(WINDOW_MS);
      trickling.receivedBytes += KIB - 1;
      slow.receivedBytes += KIB;
    }
    expect([still, trickling, slow].map(({ givenUp }) => givenUp)).toEqual([true, true, false]);
  });

  it('gives a body that came within a window all of the next one', () => {
    const pace = new BodyPace(WINDOW_MS);
    pace.follow(body());
    jest.advanceTimersByTime(WINDOW_MS - 1);
    const late = body();
    pace.follow(late);
    jest.advanceTimersByTime(WINDOW_MS);
    expect(late.givenUp).toBe(false);
    jest.advanceTimersByTime(WINDOW_MS);
    expect(late.givenUp).toBe(true);
  });

  it('keeps no timer where there are no bodies, and begins anew', () => {
    const pace = new BodyPace(WINDOW_MS);
    const first = body();
    pace.follow(first);
    pace.forget(first);
    jest.advanceTimersByTime(WINDOW_MS);
    expect(jest.getTimerCount()).toBe(0);
    const second = body();
    pace.follow(second);
    jest.advanceTimersByTime(2 * WINDOW_MS);
    expect([first.givenUp, second.givenUp]).toEqual([false, true]);
  });
});
