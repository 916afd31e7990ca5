/** The name as the engine compares it: without regard to the case of ASCII letters, and of no others. */
export const foldCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** Names of the common table expressions that are visible at a place. */
export class CteScope {
  private constructor(
    private readonly name: string | undefined,
    private readonly outer: CteScope | undefined,
  ) {}

  static readonly EMPTY = new CteScope(undefined, undefined);

  with(name: string): CteScope {
    return new CteScope(foldCase(name), this);
  }

  has(name: string): boolean {
    const wanted = foldCase(name);
    return this.name === wanted || (this.outer?.has(wanted) ?? false);
  }
}
