import { EventEmitter } from 'node:events';
import type { FastifyReply } from 'fastify';
import { untilClosed } from './until-closed.js';

const replyOn = (raw: object) => ({ raw }) as FastifyReply;

describe('untilClosed', () => {
  it('aborts when the connection closes', () => {
    const raw = Object.assign(new EventEmitter(), { closed: false });
    const signal = untilClosed(replyOn(raw));
    expect(signal.aborted).toBe(false);
    raw.emit('close');
    expect(signal.aborted).toBe(true);
  });

  it('has aborted where it was closed before anybody asked', () => {
    const raw = Object.assign(new EventEmitter(), { closed: true });
    expect(untilClosed(replyOn(raw)).aborted).toBe(true);
  });
});
