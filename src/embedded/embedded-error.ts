/** A start that cannot succeed as things are. The message says what to do and is meant to be printed as it is. */
export class EmbeddedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EmbeddedError';
  }
}
