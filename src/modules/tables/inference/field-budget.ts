/** Fields that inference looks at for one request: many times what a table may have, and a fraction of a second. */
export const MAX_FIELDS_SEEN = 10_000;

/** A sample has more fields than inference looks at. */
export class TooManyFields extends Error {
  constructor(
    /** The first one beyond. */
    readonly field: string,
  ) {
    super(`a request has more than ${MAX_FIELDS_SEEN} fields that its table does not have`);
    this.name = 'TooManyFields';
  }
}

/** Counts the fields of one sample, nested ones too. */
export class FieldBudget {
  private left = MAX_FIELDS_SEEN;

  /** Throws `TooManyFields`. */
  take(field: string): void {
    this.left -= 1;
    if (this.left < 0) throw new TooManyFields(field);
  }
}
