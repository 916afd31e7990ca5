import { AppError } from '../../kernel/index.js';

/** Refuses records that are right in themselves but do not fit their table. They may still be repeats. */
export class MisfitRefusal extends AppError {
  constructor(
    { spec, message, context }: AppError,
    /** Of all records that do not fit. */
    readonly positions: readonly number[],
  ) {
    super(spec, message, { context });
  }
}
