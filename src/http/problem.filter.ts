import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LOGGER, type Logger } from '../kernel/index.js';
import { replyWithProblem } from './problem-reply.js';

/** Turns everything that a handler, guard or pipe throws into a problem. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    replyWithProblem(
      http.getRequest<FastifyRequest>(),
      http.getResponse<FastifyReply>(),
      thrown,
      this.logger,
    );
  }
}
