import type { IngestAck } from '../../src/modules/bus/index.js';
import type { RecordSketch } from './bus-requests.js';

/** The reference model: one table's ledger as a plain map, to which requests are applied one after another. */
export interface ModelRequest {
  readonly requestKey: string | undefined;
  readonly records: readonly RecordSketch[];
}

export type ModelOutcome =
  | { readonly kind: 'refused' }
  | {
      readonly kind: 'kept';
      /** For each record: undefined where it is new, else the name of the record that it repeats. */
      readonly originals: readonly (string | undefined)[];
    };

/** Names a record by its request and its position. */
export const nameOf = (request: number, position: number): string => `${request}/${position}`;

export class ModelTable {
  /** By key: what content it stands for, and the record that brought it. */
  private readonly records = new Map<string, { content: number; name: string }>();
  private readonly requests = new Map<string, { content: string; request: number }>();

  apply(index: number, request: ModelRequest): ModelOutcome {
    const records = new Map(this.records);
    const originals: (string | undefined)[] = [];
    for (const [position, { key, content = 0 }] of request.records.entries()) {
      if (key === undefined) continue;
      const earlier = records.get(key);
      if (earlier === undefined) records.set(key, { content, name: nameOf(index, position) });
      else if (earlier.content !== content) return { kind: 'refused' };
      originals[position] = earlier?.name;
    }
    const covered = [...request.records.entries()].filter(([, { key }]) => key === undefined);
    const content = JSON.stringify(covered.map(([position, sketch]) => [position, sketch.content ?? 0]));
    const key = request.requestKey ?? '';
    if (covered.length > 0) {
      const earlier = this.requests.get(key);
      if (earlier !== undefined && earlier.content !== content) return { kind: 'refused' };
      for (const [position] of covered) {
        originals[position] = earlier && nameOf(earlier.request, position);
      }
      if (earlier === undefined) this.requests.set(key, { content, request: index });
    }
    for (const [name, value] of records) this.records.set(name, value);
    return { kind: 'kept', originals: request.records.map((_, position) => originals[position]) };
  }
}

/** What the client is told, with the tokens that the events turned out to have. */
export function expectedAck(
  index: number,
  outcome: ModelOutcome & { kind: 'kept' },
  tokens: ReadonlyMap<string, number>,
): IngestAck {
  const names = outcome.originals.map((original, position) => original ?? nameOf(index, position));
  const duplicateCount = outcome.originals.filter((original) => original !== undefined).length;
  return {
    acceptedCount: names.length - duplicateCount,
    duplicateCount,
    maxVisibilityToken: Math.max(...names.map((name) => tokens.get(name) ?? Number.NaN)),
  };
}
