import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../kernel/index.js';
import { problemHeaders, problemOf, refusalOf, type Refusal } from './problem.js';

/** The request's path without its query. */
export function pathOf(url: string | undefined): string | undefined {
  const end = url?.search(/[?#]/) ?? -1;
  return end === -1 ? url : url?.slice(0, end);
}

/** Answers whatever was thrown with a problem. */
export function replyWithProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  thrown: unknown,
  logger: Logger,
): void {
  replyWithRefusal(request, reply, refusalOf(thrown), logger);
}

/** Answers with the problem, and logs what an operator should know. The only writer of error replies. */
export function replyWithRefusal(
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
  logger: Logger,
): void {
  logRefusal(refusal, request.id, logger);
  if (reply.sent || reply.raw.headersSent) {
    // The answer is already under way: cutting it short is the only way left to say that it is not whole.
    if (!reply.raw.writableEnded) reply.raw.destroy();
    return;
  }
  const problem = problemOf(
    refusal.error,
    { traceId: request.id, path: pathOf(request.raw.url) },
    refusal.status,
  );
  // An earlier, intended answer may have left headers that do not describe this one.
  for (const name of ['content-length', 'content-encoding', 'etag', 'transfer-encoding'])
    void reply.removeHeader(name);
  void reply
    .code(problem.status)
    .headers(problemHeaders(problem, refusal.error))
    .send(JSON.stringify(problem));
}

function logRefusal({ error }: Refusal, traceId: string, logger: Logger): void {
  const facts = { trace_id: traceId, error_code: error.code };
  if (error.code === 'INTERNAL') logger.error({ ...facts, err: error.cause ?? error }, 'a request failed');
  else if (!error.spec.normal) logger.warn({ ...facts, err: error.cause ?? error }, error.message);
  else logger.debug({ ...facts, err: error.cause }, error.message);
}
