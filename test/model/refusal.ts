/** A call that must be refused, and leaves everything as it was. */
export interface Refusal {
  readonly code: string;
}

export const refused = (code: string): Refusal => ({ code });
export const isRefusal = (answer: object): answer is Refusal => 'code' in answer;
