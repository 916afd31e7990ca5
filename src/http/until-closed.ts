import type { FastifyReply } from 'fastify';

/** Without a reason of its own, each abort would make an exception with a stack: once a request. */
const CLOSED = new Error('the connection is closed, or the reply is over');

/** Aborts when the client goes away, or the reply is over. */
export function untilClosed({ raw }: FastifyReply): AbortSignal {
  const closed = new AbortController();
  if (raw.closed) closed.abort(CLOSED);
  else raw.once('close', () => closed.abort(CLOSED));
  return closed.signal;
}
