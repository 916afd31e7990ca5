/** What can be wrong. The first four are the table's columns. */
export const VIOLATION_KINDS = [
  'lost',
  'duplicated',
  'stale',
  'torn',
  'content',
  'order',
  'changed',
  'answer',
  'refused',
  'receipt',
  'chain',
  'fence',
  'file',
  'stuck',
] as const;
export type ViolationKind = (typeof VIOLATION_KINDS)[number];

export interface Violation {
  readonly kind: ViolationKind;
  readonly text: string;
}

export class Violations {
  readonly found: Violation[] = [];

  add(kind: ViolationKind, text: string): void {
    this.found.push({ kind, text });
  }

  expect(holds: boolean, kind: ViolationKind, text: () => string): void {
    if (!holds) this.add(kind, text());
  }
}
