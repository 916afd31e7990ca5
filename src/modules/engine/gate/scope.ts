/** Names of the common table expressions that are visible at a place, without regard to case. */
export class CteScope {
  private constructor(
    private readonly name: string | undefined,
    private readonly outer: CteScope | undefined,
  ) {}

  static readonly EMPTY = new CteScope(undefined, undefined);

  with(name: string): CteScope {
    return new CteScope(name.toLowerCase(), this);
  }

  has(name: string): boolean {
    const wanted = name.toLowerCase();
    return this.name === wanted || (this.outer?.has(wanted) ?? false);
  }
}
