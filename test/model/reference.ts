import { isDeepStrictEqual } from 'node:util';
import {
  recordJson,
  type Alter,
  type Call,
  type Create,
  type Op,
  type RecordSpec,
  type Write,
} from './calls.js';
import { firstLayout } from './reference-layout.js';
import { acceptedFields, changed, grown, misfitOf, type Definition } from './reference-schema.js';
import { shown, withIds, type Stored } from './reference-values.js';
import { isRefusal, refused, type Refusal } from './refusal.js';
import type { Sample } from './values.js';

/** A table as it stands. Objects are never changed: a snapshot may hold them. */
export interface Table extends Definition {
  readonly id: number;
  readonly version: number;
}

export interface Event {
  readonly table: number;
  readonly token: number;
  readonly op: Op;
  /** The idempotency key. */
  readonly key: string;
  readonly time: Sample | undefined;
  /** By column id. */
  readonly fields: ReadonlyMap<number, Stored | null>;
}

/** What the service is to answer. */
export type Answer =
  Refusal | { readonly table: Table } | { readonly dropped: string } | { readonly written: Written };

export interface Written {
  readonly accepted: number;
  readonly duplicates: number;
  readonly maxToken: number;
}

/** A snapshot as the service lists it. */
export interface ListedSnapshot {
  readonly snapshot_id: number;
  readonly operation: string;
  readonly max_visibility_token: number;
  readonly created_at: string;
}

/** What a snapshot is to show. */
export interface View {
  readonly snapshot: ListedSnapshot;
  readonly tables: readonly Table[];
  /** Visible events, in token order. */
  readonly events: readonly Event[];
}

/**
 * The catalog and the events of a tenant, in memory and one call after the other: what the service must answer and what
 * each snapshot must show. It knows nothing of files, claims, batches, leases or field ids in files.
 */
export class Reference {
  live: readonly Table[] = [];
  /** The last that was dropped comes last. */
  dropped: readonly Table[] = [];
  /** The live tables after each change of the catalog; the first is before all of them. */
  readonly catalogs: (readonly Table[])[] = [[]];
  readonly versions = new Map<number, Table[]>();
  readonly events: Event[] = [];
  readonly writes: { readonly table: number; readonly write: Write }[] = [];
  private readonly ledger = new Map<string, { readonly content: string; readonly tokens: number[] }>();
  private ids = 0;

  /** `clock` is the tenant's highest token so far. */
  constructor(public clock: number) {}

  answer(call: Call): Answer {
    const table = this.live.find(({ name }) => name === call.table);
    switch (call.call) {
      case 'create':
        return this.create(call);
      case 'undrop': {
        const gone = this.dropped.findLast(({ name }) => name === call.table);
        if (gone === undefined) return refused('TABLE_NOT_FOUND');
        const name = call.as ?? gone.name;
        return this.isTaken(name) ? refused('TABLE_ALREADY_EXISTS') : this.publish({ ...gone, name });
      }
      case 'alter':
        return table === undefined ? refused('TABLE_NOT_FOUND') : this.alter(table, call);
      case 'drop':
        if (table === undefined) return refused('TABLE_NOT_FOUND');
        this.setLive(this.live.filter((other) => other !== table));
        this.dropped = [...this.dropped, table];
        return { dropped: table.name };
      case 'write':
        return table === undefined ? refused('TABLE_NOT_FOUND') : this.write(table, call);
    }
  }

  private create(call: Create): Answer {
    const { table: name, columns: specs = [], key: names, mode = 'none', evolution = 'strict' } = call;
    const columns = specs.map((column) => withIds(column, () => (this.ids += 1)));
    const key = names.flatMap((column) => columns.find((other) => other.name === column)?.id ?? []);
    const layout = firstLayout(columns, call.layout);
    if (isRefusal(layout)) return layout;
    if (this.isTaken(name)) return refused('TABLE_ALREADY_EXISTS');
    const version = call.columns === undefined ? 0 : 1;
    return this.publish({ id: (this.ids += 1), name, version, columns, key, mode, evolution, layout });
  }

  private alter(table: Table, call: Alter): Answer {
    const { ifVersion } = call;
    if (ifVersion !== undefined && ifVersion !== table.version) return refused('SCHEMA_VERSION_CONFLICT');
    const next = changed(table, call, () => (this.ids += 1));
    if (isRefusal(next)) return next;
    if (isDeepStrictEqual({ ...table, ...next }, table)) return { table };
    if (next.name !== table.name && this.isTaken(next.name)) return refused('TABLE_ALREADY_EXISTS');
    return this.publish({ ...table, ...next, version: table.version + 1 });
  }

  private write(before: Table, write: Write): Answer {
    const { records, requestKey } = write;
    const nameOf = (key: string | undefined) =>
      JSON.stringify([before.id, key === undefined ? 'request' : 'record', key ?? requestKey]);
    // What the ledger has seen is judged by it alone, whatever the table has become.
    const fresh = records.filter(({ key }) => !this.ledger.has(nameOf(key)));
    const table = this.grown(before, fresh);
    if (isRefusal(table)) return table;
    const covered = records.flatMap(({ key }, position) => (key === undefined ? [position] : []));
    const contents = records.map((record) => JSON.stringify({ ...recordJson(record), idempotency_key: '' }));
    const whole = JSON.stringify(covered.map((position) => [position, contents[position]]));
    /** By position, the tokens of earlier records of the same key; made here for those that are new. */
    const found = new Map<string, { readonly content: string; readonly tokens: number[] }>();
    const tokens: number[] = [];
    let accepted = 0;
    for (const [position, { key }] of records.entries()) {
      const name = nameOf(key);
      const content = key === undefined ? whole : (contents[position] ?? '');
      const place = key === undefined ? covered.indexOf(position) : 0;
      const known = this.ledger.get(name) ?? found.get(name) ?? { content, tokens: [] };
      if (known.content !== content) return refused('IDEMPOTENCY_KEY_REUSED');
      found.set(name, known);
      if (known.tokens[place] === undefined) {
        accepted += 1;
        known.tokens[place] = this.clock + position + 1;
      }
      tokens.push(known.tokens[place] ?? 0);
    }
    for (const [name, entry] of found) this.ledger.set(name, entry);
    records.forEach((record, position) => {
      const token = this.clock + position + 1;
      if (tokens[position] !== token) return;
      const key = record.key ?? `${requestKey}#${position}`;
      const { op, time } = record;
      const fields = acceptedFields(table.columns, record);
      this.events.push({ table: table.id, token, op, key, time, fields });
    });
    if (accepted > 0) this.clock += records.length;
    this.writes.push({ table: table.id, write });
    return { written: { accepted, duplicates: records.length - accepted, maxToken: Math.max(...tokens) } };
  }

  /** The table that takes the records. It may have learnt of them. */
  private grown(table: Table, fresh: readonly RecordSpec[]): Table | Refusal {
    const misfits = fresh.flatMap((record) => misfitOf(table, record) ?? []);
    const [misfit] = misfits;
    if (misfit === undefined) return table;
    const wrong = misfits.find(({ code }) => code === 'PRIMARY_KEY_REQUIRED');
    if (wrong !== undefined || (table.evolution === 'strict' && table.columns.length > 0))
      return wrong ?? misfit;
    const next = grown(table, fresh, () => (this.ids += 1));
    if (isRefusal(next)) return next;
    const version = table.version + 1;
    this.publish({ ...next, version });
    return { ...next, version };
  }

  /** What each of the listed snapshots, oldest first, is to show; throws where they cannot have come about. */
  views(listed: readonly ListedSnapshot[], watermark: number): { views: View[]; seen: Map<Event, number> } {
    const seen = new Map<Event, number>();
    const shown: Event[] = [];
    let changes = 0;
    const views = listed.map((snapshot) => {
      const { operation, snapshot_id, max_visibility_token: next } = snapshot;
      if (operation === 'schema') changes += 1;
      const tables = this.catalogs[changes] ?? [];
      const isLive = (id: number) => tables.some((table) => table.id === id);
      for (const event of this.events) {
        if (event.token <= watermark || event.token > next || !isLive(event.table)) continue;
        seen.set(event, snapshot_id);
        shown.push(event);
      }
      watermark = next;
      return { snapshot, tables, events: shown.filter((event) => isLive(event.table)) };
    });
    return { views, seen };
  }

  private publish(table: Table): Answer {
    const others = this.live.filter(({ id }) => id !== table.id);
    this.dropped = this.dropped.filter(({ id }) => id !== table.id);
    const versions = this.versions.get(table.id) ?? [];
    const isNew = table.version > 0 && versions.at(-1)?.version !== table.version;
    if (isNew) this.versions.set(table.id, [...versions, table]);
    this.setLive([...others, table]);
    return { table };
  }

  private setLive(tables: readonly Table[]): void {
    this.live = tables;
    this.catalogs.push(tables);
  }

  private isTaken(name: string): boolean {
    return this.live.some((table) => table.name === name);
  }
}

/** The rows of a table: of each key the last event, unless that is a delete; without a key every event. */
export function rowsOf(table: Table, events: readonly Event[]): readonly Event[] {
  const own = events.filter((event) => event.table === table.id);
  if (table.key.length === 0) return own;
  const key = table.columns.filter(({ id }) => table.key.includes(id));
  const rows = new Map<string, Event>();
  for (const event of own) {
    const values = JSON.stringify(key.map((column) => shown(event.fields.get(column.id), column)));
    rows.delete(values);
    if (event.op !== 'delete') rows.set(values, event);
  }
  return [...rows.values()];
}
