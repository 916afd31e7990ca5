import type { LoggerService } from '@nestjs/common';
import type { Logger } from './kernel/index.js';

/** Nest's own messages in the process's log. What it says of each module and route is for debugging only. */
export function nestLogger(logger: Logger): LoggerService {
  const write =
    (level: 'debug' | 'warn' | 'error' | 'fatal') =>
    (message: unknown, ...rest: unknown[]) => {
      const context = rest.at(-1);
      // What ends the start: Nest throws it on, and the start tells of it.
      if (context === 'ExceptionHandler') return;
      logger[level]({ context }, typeof message === 'string' ? message : JSON.stringify(message));
    };
  return {
    log: write('debug'),
    debug: write('debug'),
    verbose: write('debug'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
  };
}
