import type { Entry, KeyedOp, LetterLine, RequestEntry, SeenRow, SnapshotLine } from '../history.js';
import { fatesOf, isSpecial, type RequestFates } from './fates.js';

export type EntryOf<K extends Entry['e']> = Extract<Entry, { e: K }>;

/** A request and all that was heard of it. */
export interface RequestModel {
  readonly request: RequestEntry;
  readonly answers: EntryOf<'answer'>[];
  refusal: EntryOf<'refused'> | undefined;
  lostAttempts: number;
  /** The highest token that was known of the tenant when it was first sent: its own are higher. */
  floor: number;
  /** How many attempts were sent before its first answer. */
  attempts: number;
  receipts: EntryOf<'receipt'>[];
}

export interface ReadModel {
  readonly read: EntryOf<'read'>;
  /** The highest watermark that a read of the tenant had answered when this one was sent. */
  readonly floor: number;
  rows: EntryOf<'rows'> | undefined;
}

/** What the history says of one tenant. */
export class TenantModel {
  readonly tenant: string;
  readonly requests = new Map<number, RequestModel>();
  readonly reads: ReadModel[] = [];
  readonly watermarks: EntryOf<'watermark'>[] = [];
  readonly keyedRequests = new Map<number, { readonly ops: readonly KeyedOp[]; readonly tokens: number[] }>();
  readonly keyedReads: EntryOf<'keyed-rows'>[] = [];
  final: EntryOf<'final'> | undefined;
  chain: readonly SnapshotLine[] = [];
  letters: readonly LetterLine[] = [];
  /** Keys of events that the nemesis damaged. */
  readonly spoiled = new Set<string>();
  readonly resolved: EntryOf<'resolved'>[] = [];
  /** The highest token that was known when a dead letter was first to be resolved, by its id. */
  readonly resolveFloors = new Map<number, number>();
  /** Highest token and watermark heard of so far. */
  knownToken = 0;
  knownWatermark = 0;

  constructor(tenant: string) {
    this.tenant = tenant;
  }

  private known: Map<number, RequestFates> | undefined;

  /** What the dead letters say, by request. Once the history is read. */
  get fates(): ReadonlyMap<number, RequestFates> {
    this.known ??= fatesOf(this.letters, (r) => this.requests.get(r)?.request);
    return this.known;
  }

  /** See `isSpecial`. */
  isSpecial(r: number): boolean {
    const request = this.requests.get(r)?.request;
    return request !== undefined && isSpecial(request, this.fates.get(r));
  }

  /** How many of its records became events, as far as the letters tell: with its misfits where they fit by then. */
  taken(request: RequestEntry): number {
    const all = request.count + (request.misfits ?? 0);
    if (request.oversize !== true) return request.count;
    const letters = [...(this.fates.get(request.r)?.letters.keys() ?? [])];
    return letters.some((position) => position >= request.count) ? request.count : all;
  }

  /** The final rows by request. A request that shows in two tables has two. */
  finalRows(): Map<number, SeenRow[]> {
    return rowsByRequest(this.final?.rows ?? []);
  }
}

export function rowsByRequest(rows: readonly SeenRow[]): Map<number, SeenRow[]> {
  const byRequest = new Map<number, SeenRow[]>();
  for (const row of rows) {
    const known = byRequest.get(row[1]);
    if (known === undefined) byRequest.set(row[1], [row]);
    else known.push(row);
  }
  return byRequest;
}

/** A run as its history tells it. */
export interface RunModel {
  readonly tenants: Map<string, TenantModel>;
  readonly files: EntryOf<'file'>[];
  readonly strays: string[];
  readonly stuck: string[];
}

export function readModel(entries: Iterable<Entry>): RunModel {
  const run: RunModel = { tenants: new Map(), files: [], strays: [], stuck: [] };
  const requests = new Map<number, RequestModel>();
  const reads = new Map<number, { tenant: TenantModel; read: ReadModel }>();
  const tenantOf = (name: string): TenantModel => {
    const known = run.tenants.get(name) ?? new TenantModel(name);
    run.tenants.set(name, known);
    return known;
  };
  const requestOf = (r: number): RequestModel => {
    const known = requests.get(r);
    if (known === undefined) throw new Error(`the history tells of request ${r} before it was made`);
    return known;
  };

  for (const entry of entries) {
    switch (entry.e) {
      case 'request': {
        const tenant = tenantOf(entry.tenant);
        const model = {
          request: entry,
          answers: [],
          refusal: undefined,
          lostAttempts: 0,
          floor: tenant.knownToken,
          attempts: 0,
          receipts: [],
        };
        requests.set(entry.r, model);
        tenant.requests.set(entry.r, model);
        break;
      }
      case 'attempt':
        requestOf(entry.r).attempts += 1;
        break;
      case 'answer': {
        const model = requestOf(entry.r);
        model.answers.push(entry);
        const tenant = tenantOf(model.request.tenant);
        tenant.knownToken = Math.max(tenant.knownToken, entry.token);
        break;
      }
      case 'refused':
        requestOf(entry.r).refusal = entry;
        break;
      case 'lost':
        requestOf(entry.r).lostAttempts += 1;
        break;
      case 'receipt':
        requestOf(entry.r).receipts.push(entry);
        break;
      case 'read': {
        const tenant = tenantOf(entry.tenant);
        const read: ReadModel = { read: entry, floor: tenant.knownWatermark, rows: undefined };
        tenant.reads.push(read);
        reads.set(entry.q, { tenant, read });
        break;
      }
      case 'rows': {
        const known = reads.get(entry.q);
        if (known === undefined) throw new Error(`the history tells of an answer to read ${entry.q}`);
        known.read.rows = entry;
        known.tenant.knownWatermark = Math.max(known.tenant.knownWatermark, entry.watermark);
        known.tenant.knownToken = Math.max(known.tenant.knownToken, entry.watermark);
        break;
      }
      case 'watermark': {
        const tenant = tenantOf(entry.tenant);
        tenant.watermarks.push(entry);
        tenant.knownToken = Math.max(tenant.knownToken, entry.clock);
        break;
      }
      case 'final':
        tenantOf(entry.tenant).final = entry;
        break;
      case 'dead-letters': {
        tenantOf(entry.tenant).letters = entry.letters;
        break;
      }
      case 'spoiled':
        tenantOf(entry.tenant).spoiled.add(entry.key);
        break;
      case 'resolve': {
        const { resolveFloors, knownToken } = tenantOf(entry.tenant);
        for (const id of entry.ids) if (!resolveFloors.has(id)) resolveFloors.set(id, knownToken);
        break;
      }
      case 'keyed-request':
        tenantOf(entry.tenant).keyedRequests.set(entry.r, { ops: entry.ops, tokens: [] });
        break;
      case 'keyed-answer': {
        const tenant = tenantOf(entry.tenant);
        tenant.keyedRequests.get(entry.r)?.tokens.push(entry.token);
        tenant.knownToken = Math.max(tenant.knownToken, entry.token);
        break;
      }
      case 'keyed-rows':
        tenantOf(entry.tenant).keyedReads.push(entry);
        break;
      case 'resolved':
        tenantOf(entry.tenant).resolved.push(entry);
        break;
      case 'chain':
        tenantOf(entry.tenant).chain = entry.snapshots;
        break;
      case 'file':
        run.files.push(entry);
        break;
      case 'stray':
        run.strays.push(entry.key);
        break;
      case 'stuck':
        run.stuck.push(entry.what);
    }
  }
  return run;
}
