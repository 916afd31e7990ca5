/** The data cannot be converted to the columns' types. The same input fails the same way every time. */
export class ConversionFault extends Error {
  /** Line of the body file that DuckDB named, from 1; approximate, and absent when it named none. */
  readonly line: number | undefined;

  constructor(message: string, options: { line?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'ConversionFault';
    this.line = options.line;
  }
}

/** `died`: the child ended. `memory`: over its limit. `internal`: any other error of the engine. */
export type EngineFailureReason = 'died' | 'memory' | 'timeout' | 'io' | 'internal' | 'closed';

/** A piece of work was lost, not its data: another try may succeed. */
export class EngineFailure extends Error {
  constructor(
    readonly reason: EngineFailureReason,
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(message, options);
    this.name = 'EngineFailure';
  }
}
