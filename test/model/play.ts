import { isDeepStrictEqual } from 'node:util';
import {
  expectOk,
  type Answer as HttpAnswer,
  type QueryAnswer,
  type ServiceClient,
} from '../support/service-client.js';
import type { TestTenant } from '../support/service.js';
import type { Complaints } from './complaints.js';
import { columnJson, httpOf, type Call } from './calls.js';
import { Reference, rowsOf, type Event, type ListedSnapshot, type Table, type View } from './reference.js';
import { foldersOf } from './placement.js';
import { Resolver } from './resolve.js';
import type { Step, StepOf } from './steps.js';
import {
  columnsOf,
  comparable,
  comparableRow,
  dueBody,
  dueStatus,
  picked,
  rowOf,
  type TableJson,
} from './expected.js';

/** The service did not do what the reference did. The message has the program as it was sent, and the difference. */
export class Difference extends Error {
  constructor(
    readonly what: string,
    readonly calls: readonly string[],
  ) {
    super(`${what}\n\nThe program:\n${calls.join('\n')}`);
    this.name = 'Difference';
  }
}

/** A tenant between two programs: no table is live, and no event is pending. */
export interface Place {
  readonly admin: ServiceClient;
  /** What the service has logged of failures in this tenant. */
  readonly complaints: () => readonly string[];
  clock: number;
  lastSnapshotId: number;
}

/** Of a tenant that is new. */
export async function placeIn({ id, admin }: TestTenant, complaints: Complaints): Promise<Place> {
  return {
    admin,
    complaints: () => complaints.of(id),
    clock: 0,
    lastSnapshotId: await latestSnapshotId(admin),
  };
}

/** What a run has looked at. */
export interface Tally {
  calls: number;
  events: number;
  snapshots: number;
  tables: number;
  rows: number;
}

interface Receipt {
  readonly file?: string;
  readonly snapshot_id?: number;
}

interface Look {
  readonly table: string;
  /** Undefined: the query did not ask for one. */
  readonly minToken: number | undefined;
  readonly snapshotId: number;
  readonly answer: HttpAnswer<QueryAnswer>;
}

const WAIT_MS = 60_000;
const PAGE = 500;
/** More than a program makes. */
const VERSIONS = 50;

/** Plays one program against both, and compares every answer, every snapshot and every receipt. */
export async function play(
  place: Place,
  prefix: string,
  steps: readonly Step[],
  tally: Tally,
): Promise<void> {
  const playing = new Playing(place, prefix, tally);
  try {
    for (const step of steps) await playing.take(step);
    await playing.compare();
    await playing.leave();
  } catch (error) {
    throw error instanceof Difference ? error : playing.broken(error);
  }
}

class Playing {
  private readonly reference: Reference;
  private readonly resolver: Resolver;
  private readonly said: string[] = [];
  private readonly looks: Look[] = [];
  private readonly known: number[] = [];
  private readonly watermark: number;

  constructor(
    private readonly place: Place,
    private readonly prefix: string,
    private readonly tally: Tally,
  ) {
    this.watermark = place.clock;
    this.reference = new Reference(place.clock);
    this.resolver = new Resolver(this.reference, prefix);
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'look') return this.look(step);
    const call = this.resolver.callOf(step);
    if (call !== undefined) await this.make(call);
  }

  /** Every table at every snapshot of the program, all looks, all receipts. */
  async compare(): Promise<void> {
    const { reference } = this;
    const last = await this.query('SELECT 1', {
      min_visibility_token: reference.clock,
      consistency_timeout_ms: WAIT_MS,
    });
    // First, since it says why others are late.
    this.expect('the failures that the service has logged', this.place.complaints(), []);
    this.expect('the last barrier query', last.status, 200);
    const listed = await this.snapshots();
    const changes = listed.filter(({ operation }) => operation === 'schema').length;
    this.expect('the number of schema snapshots', changes, reference.catalogs.length - 1);
    const { views, seen } = reference.views(listed, this.watermark);
    for (const view of views) await this.compareView(view);
    await this.compareTimes(views);
    for (const look of this.looks) this.compareLook(look, views);
    await this.compareReceipts(seen, views);
    await this.compareVersions();
  }

  /** Leaves the tenant as it was found, but for its snapshots. */
  async leave(): Promise<void> {
    for (const { name } of this.reference.live) await this.make({ call: 'drop', table: name });
    this.place.clock = this.reference.clock;
    this.place.lastSnapshotId = await latestSnapshotId(this.place.admin);
  }

  /** Of a call that should have gone well and did not. */
  broken(error: unknown): Difference {
    return new Difference(error instanceof Error ? (error.stack ?? error.message) : String(error), this.said);
  }

  private async make(call: Call): Promise<void> {
    const { method, path, json, headers } = httpOf(call);
    const answer = await this.place.admin.send<Record<string, unknown>>(method, path, {
      json,
      ...(headers && { headers }),
    });
    const { status, body } = answer;
    const code = status >= 400 ? ` ${String(body.error_code)}` : '';
    const shownHeaders = headers === undefined ? '' : ` ${JSON.stringify(headers)}`;
    this.said.push(`${method} ${path}${shownHeaders} ${JSON.stringify(json ?? {})}\n  -> ${status}${code}`);
    this.tally.calls += 1;
    const due = this.reference.answer(call);
    const wait = call.call === 'write' && call.wait;
    const expected = dueBody(due, wait);
    this.expect(`the answer of ${method} ${path}`, picked(answer, expected), {
      http: dueStatus(call, due),
      ...expected,
    });
    for (const id of [body.visible_snapshot_id, body.dropped_snapshot_id]) {
      if (typeof id === 'number') this.known.push(id);
    }
    if ('written' in due) this.tally.events += due.written.accepted;
  }

  private async look({ table: at, at: which, known }: StepOf<'look'>): Promise<void> {
    const table = this.resolver.tableName(at);
    const minToken = which === 'token' && this.reference.clock > 0 ? this.reference.clock : undefined;
    const snapshotId = which === 'known' ? this.known[known % this.known.length] : undefined;
    const answer = await this.query(selectAll(table), {
      ...(minToken !== undefined && { min_visibility_token: minToken, consistency_timeout_ms: WAIT_MS }),
      ...(snapshotId !== undefined && { snapshot_id: snapshotId }),
    });
    if (answer.status === 200) this.known.push(answer.body.snapshot_id);
    const isLive = this.reference.live.some(({ name }) => name === table);
    if (snapshotId === undefined)
      this.expect(`the status of a query of ${table}`, answer.status, isLive ? 200 : 400);
    const ran = answer.status === 200 ? answer.body.snapshot_id : snapshotId;
    if (snapshotId !== undefined) this.expect('the snapshot of the query', ran, snapshotId);
    if (ran !== undefined) this.looks.push({ table, minToken, snapshotId: ran, answer });
  }

  private async compareView({ snapshot, tables, events }: View): Promise<void> {
    const at = { snapshot_id: snapshot.snapshot_id };
    const catalog = await this.query(
      'SELECT table_name, column_name FROM information_schema.columns ORDER BY table_name, ordinal_position',
      { snapshot_time: snapshot.created_at },
    );
    this.expect(`the snapshot of ${snapshot.created_at}`, catalog.body.snapshot_id, snapshot.snapshot_id);
    const columns = tables
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((table) => columnsOf(table).map(({ name }) => [table.name, name]));
    this.expect(`the catalog of snapshot ${snapshot.snapshot_id}`, catalog.body.rows, columns);
    for (const table of tables) {
      const answer = await this.query(selectAll(table.name), at);
      this.compareTable(snapshot, table, events, answer);
    }
    this.tally.snapshots += 1;
  }

  /** A moment before a snapshot its forerunner is the latest. */
  private async compareTimes(views: readonly View[]): Promise<void> {
    let before: ListedSnapshot | undefined;
    for (const { snapshot } of views) {
      const time = new Date(Date.parse(snapshot.created_at) - 1).toISOString();
      const answer = await this.query('SELECT 1', { snapshot_time: time });
      if (before !== undefined)
        this.expect(`the snapshot of ${time}`, answer.body.snapshot_id, before.snapshot_id);
      before = snapshot;
    }
  }

  private compareLook({ table: name, minToken, snapshotId, answer }: Look, views: readonly View[]): void {
    const view = views.find(({ snapshot }) => snapshot.snapshot_id === snapshotId);
    // One from before the program: the tenant had another program's tables then.
    if (view === undefined) return;
    const table = view.tables.find((one) => one.name === name);
    if (table === undefined) return this.expect(`a query of ${name} at ${snapshotId}`, answer.status, 400);
    this.compareTable(view.snapshot, table, view.events, answer);
    if (minToken !== undefined && view.snapshot.max_visibility_token < minToken) {
      this.fail(`a query with token ${minToken} ran on token ${view.snapshot.max_visibility_token}`);
    }
  }

  private compareTable(
    { snapshot_id: id }: ListedSnapshot,
    table: Table,
    events: readonly Event[],
    { status, body }: HttpAnswer<QueryAnswer>,
  ): void {
    const what = `table ${table.name} at snapshot ${id}`;
    this.expect(`${what}: the status`, status, 200);
    this.expect(`${what}: the columns`, body.columns, columnsOf(table));
    const due = rowsOf(table, events).map((event) => rowOf(event, table));
    const found = body.rows.map(comparableRow);
    this.expect(`${what}: the rows`, found, due);
    this.tally.tables += 1;
    this.tally.rows += due.length;
  }

  private async compareReceipts(seen: ReadonlyMap<Event, number>, views: readonly View[]): Promise<void> {
    const { events, live, dropped } = this.reference;
    for (const table of [...live, ...dropped]) {
      const own = events.filter((event) => event.table === table.id);
      if (own.length === 0) continue;
      const answer = expectOk(
        await this.place.admin.post<{ receipts: Receipt[] }>(`/v1/ingest/${table.name}/receipts`, {
          keys: own.map(({ key }) => key),
        }),
      );
      const due = own.map((event) => {
        const { key, token } = event;
        const snapshotId = seen.get(event);
        return snapshotId === undefined
          ? { key, state: 'discarded', visibility_token: token }
          : { key, state: 'visible', visibility_token: token, snapshot_id: snapshotId };
      });
      const found = answer.receipts.map((receipt) => ({ ...receipt, file: undefined }));
      this.expect(
        `the receipts of ${table.name}`,
        found,
        due.map((receipt) => ({ ...receipt, file: undefined })),
      );
      for (const [index, { file, snapshot_id: id }] of answer.receipts.entries()) {
        const view = views.find(({ snapshot }) => snapshot.snapshot_id === id);
        const then = view?.tables.find((one) => one.id === table.id);
        const event = own[index];
        if (file === undefined || then === undefined || event === undefined) continue;
        const folders = file.includes('/mixed/') ? [] : foldersOf(event, then);
        const lacking = folders.filter((folder) => !file.includes(`/${folder}/`));
        this.expect(`the folders that ${file} lacks for token ${event.token}`, lacking, []);
      }
    }
  }

  private async compareVersions(): Promise<void> {
    for (const table of this.reference.live) {
      const answer = expectOk(
        await this.place.admin.get<{ schemas: { schema: TableJson['schema'] }[] }>(
          `/v1/tables/${table.name}/schemas?limit=${VERSIONS}`,
        ),
      );
      const versions = this.reference.versions.get(table.id) ?? [];
      const due = versions.map(({ columns }) => columns.map(columnJson));
      const found = answer.schemas.map(({ schema }) => schema.columns.map(comparable));
      this.expect(`the schema versions of ${table.name}`, found, due);
    }
  }

  /** Those of the program, oldest first. */
  private async snapshots(): Promise<ListedSnapshot[]> {
    const { admin, lastSnapshotId } = this.place;
    const latest = await latestSnapshots(admin, PAGE);
    return latest.filter(({ snapshot_id: id }) => id > lastSnapshotId).reverse();
  }

  private async query(sql: string, at: Record<string, unknown>): Promise<HttpAnswer<QueryAnswer>> {
    this.tally.calls += 1;
    return this.place.admin.query(sql, at);
  }

  private expect(what: string, found: unknown, due: unknown): void {
    if (isDeepStrictEqual(found, due)) return;
    this.fail(`${what} should be\n  ${JSON.stringify(due)}\nand is\n  ${JSON.stringify(found)}`);
  }

  private fail(what: string): never {
    throw new Difference(what, this.said);
  }
}

async function latestSnapshots(admin: ServiceClient, limit: number): Promise<ListedSnapshot[]> {
  return expectOk(await admin.get<{ snapshots: ListedSnapshot[] }>(`/v1/snapshots?limit=${limit}`)).snapshots;
}

const latestSnapshotId = async (admin: ServiceClient): Promise<number> =>
  (await latestSnapshots(admin, 1))[0]?.snapshot_id ?? 0;

const selectAll = (table: string): string => `SELECT * FROM ${table} ORDER BY _visibility_token`;
