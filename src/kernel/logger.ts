import { destination, pino, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

/** Injection token of the process's root logger. */
export const LOGGER = Symbol('Logger');

/** JSON lines on standard error, so that standard output stays free for what a command prints. */
export function createLogger(level: string, bindings: Record<string, unknown> = {}): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid, ...bindings },
      redact: { paths: ['req.headers.authorization', '*.secretAccessKey', '*.platformKey'], remove: true },
    },
    destination({ fd: 2, sync: true }),
  );
}
