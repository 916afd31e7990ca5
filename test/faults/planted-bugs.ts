import type { ViolationKind } from './model/violation.js';
import type { ScenarioName } from './scenarios.js';

/** One place of the built code. The anchor must be there exactly once. */
export interface Edit {
  /** Below `dist`. */
  readonly file: string;
  readonly anchor: string;
  readonly text: string;
}

/** Edits that put a fault into a copy of the build. */
export interface Mistake {
  readonly name: string;
  /** What is broken, and what comes of it. */
  readonly doc: string;
  readonly edits: readonly Edit[];
}

/** A mistake that the checker of the fault harness must find. */
export interface PlantedBug extends Mistake {
  readonly scenario: ScenarioName;
  /** The violations that count as having found it. */
  readonly shows: readonly ViolationKind[];
}

const INGEST_MIGRATION = 'migrations/1795000000002-ingest-bus.js';
const PUBLICATION_MIGRATION = 'migrations/1796000000770-publication-in-one-call.js';
const LEASE = 'src/modules/bus/sql/lease.js';
const PUBLISHER = 'src/modules/snapshots/publisher.js';
const COMMITTER = 'src/modules/commit/claim-committer.js';
const UPLOADS = 'src/modules/commit/claim-uploads.js';

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'token-from-a-sequence',
    doc: 'Tokens come from a sequence, so they are handed out before commits and in another order: readers skip the late ones.',
    scenario: 'many writers',
    shows: ['lost', 'stale'],
    edits: [
      {
        file: INGEST_MIGRATION,
        anchor: 'CREATE SEQUENCE ingest_batch_id AS bigint INCREMENT BY 1000',
        text: 'CREATE SEQUENCE ingest_batch_id AS bigint INCREMENT BY 1000; CREATE SEQUENCE planted_token INCREMENT BY 10000',
      },
      {
        file: INGEST_MIGRATION,
        anchor: `  UPDATE tenant_clock c SET last_token = c.last_token + (SELECT sum(r) FROM unnest(p_records) r)
  WHERE c.tenant_id = p_tenant AND c.catalog_epoch = p_epoch
  RETURNING c.last_token - (SELECT sum(r) FROM unnest(p_records) r) INTO v_base;`,
        text: `  v_base := nextval('planted_token');
  PERFORM pg_sleep(random() * 0.5);
  UPDATE tenant_clock c SET last_token = greatest(c.last_token, v_base + (SELECT sum(r) FROM unnest(p_records) r))
  WHERE c.tenant_id = p_tenant AND c.catalog_epoch = p_epoch;`,
      },
      {
        file: 'src/modules/bus/ingest-bus.postgres.js',
        anchor: 'assertContiguous(base, headers);',
        text: '',
      },
    ],
  },
  {
    name: 'ack-without-fence',
    doc: 'A claim is settled without a look at its attempt: one whose lease went to another publishes in its place.',
    scenario: 'a zombie wakes while another works',
    shows: ['fence'],
    edits: [
      {
        file: LEASE,
        anchor: `        WHERE claim_id = \${lease.claimId} AND attempt = \${lease.attempt} AND state = 'live' RETURNING claim_id\`);
    return rows.length === 1;
}
/** Answers true for a claim`,
        text: `        WHERE claim_id = \${lease.claimId} RETURNING claim_id\`);
    return rows.length === 1;
}
/** Answers true for a claim`,
      },
    ],
  },
  {
    name: 'publication-without-compare-and-swap',
    doc: 'Neither the head nor the claim is compared: a coordinator that wakes up publishes its range a second time.',
    scenario: 'a zombie wakes after another published',
    shows: ['duplicated'],
    edits: [
      {
        file: PUBLICATION_MIGRATION,
        anchor: 'IF v_head.published_token <> p_base THEN',
        text: 'IF false THEN',
      },
      {
        file: PUBLISHER,
        anchor: 'if (!(await publication.fence(tx)))',
        text: 'await publication.fence(tx);\n        if (false)',
      },
    ],
  },
  {
    name: 'files-not-counted',
    doc: 'A publication does not count the files that turned live: one whose pending row is gone takes its events with it.',
    scenario: 'pending rows are swept',
    shows: ['lost'],
    edits: [
      {
        file: PUBLICATION_MIGRATION,
        anchor: 'IF v_added <> cardinality(v_files) THEN',
        text: 'IF false THEN',
      },
    ],
  },
  {
    name: 'ledger-outside-the-transaction',
    doc: 'The keys are written after the events, in a transaction of their own: what is sent twice meanwhile is taken twice.',
    scenario: 'every request twice at once',
    shows: ['duplicated'],
    edits: [
      {
        file: INGEST_MIGRATION,
        anchor: '    ORDER BY k.stored_key;\n',
        text: '    WHERE false;\n',
      },
      {
        file: 'src/modules/bus/sql/ingest-group.js',
        anchor: `        throw new Error('the ingest function answered nothing');\n`,
        text: `        throw new Error('the ingest function answered nothing');
    await query(executor, sql \`
      INSERT INTO ingest_event
        (batch_id, table_id, ordinal, record_count, generation, stored_key, content_hash, kind, op, window_class)
      SELECT (\${literal(call.batchIds)}::bigint[])[k.mark >> 16], (\${literal(batches.map((b) => b.tableId))}::bigint[])[k.mark >> 16],
             k.ordinal, k.records, g.number, k.stored_key, k.content_hash, ((k.mark >> 8) & 255)::"char",
             (k.mark & 255)::"char", g.class
      FROM unnest(\${uuidArray(rows, (row) => row.unit.storedKey)}::uuid[], \${uuidArray(rows, (row) => row.unit.contentHash)}::uuid[],
                  \${int4Array(rows, (row) => markOf(row, indexOf.get(row.batch) ?? 0))}::int[],
                  \${int4Array(rows, (row) => row.ordinal)}::int[], \${int4Array(rows, recordCountOf)}::int[])
             AS k (stored_key, content_hash, mark, ordinal, records), ingest_generation g
      WHERE g.class = \${call.windowClass} ON CONFLICT DO NOTHING\`);
`,
      },
    ],
  },
  {
    name: 'rotation-without-the-lock',
    doc: 'A rotation does not wait for the ingests under way: a key goes into both generations.',
    scenario: 'every request twice across rotations',
    shows: ['duplicated'],
    edits: [
      {
        file: 'migrations/1796000000400-ledger-life.js',
        anchor: `  PERFORM pg_advisory_xact_lock(1413698373, ingest_lock_key(p_class));
  UPDATE ingest_generation`,
        text: `  UPDATE ingest_generation`,
      },
      // Longer calls that begin apart, so that a rotation falls between two of the same keys.
      {
        file: INGEST_MIGRATION,
        anchor: '  SELECT number INTO v_generation FROM ingest_generation WHERE class = p_class;\n',
        text: `  PERFORM pg_sleep(random() * 0.2);
  SELECT number INTO v_generation FROM ingest_generation WHERE class = p_class;\n`,
      },
      {
        file: INGEST_MIGRATION,
        anchor: '  v_now := clock_timestamp();\n',
        text: '  PERFORM pg_sleep(0.2);\n  v_now := clock_timestamp();\n',
      },
    ],
  },
  {
    name: 'put-before-the-pending-row',
    doc: 'The file is uploaded before its row is there: a kill between the two leaves an object that nobody knows.',
    scenario: 'kills after uploads',
    shows: ['file'],
    edits: [
      {
        file: UPLOADS,
        anchor:
          'await this.store.putFile(next.key, next.file.path, { sha256: next.file.sha256, signal: either });',
        text: '',
      },
      {
        file: UPLOADS,
        anchor: 'const rows = await this.transactions.single((pool) => this.dataFiles.insertPending(',
        text: `for (const [index, { file }] of files.entries())
            await this.store.putFile(pending[index].path, file.path, { sha256: file.sha256, signal });
        const rows = await this.transactions.single((pool) => this.dataFiles.insertPending(`,
      },
    ],
  },
  {
    name: 'watermark-by-a-dead-consumer',
    doc: 'What a dead coordinator held counts as published when its lease is freed.',
    scenario: 'the only coordinator dies and stays away',
    shows: ['lost'],
    edits: [
      {
        file: LEASE,
        anchor: '    return rows.length;\n',
        text: `    await query(executor, sql \`UPDATE tenant_head h SET published_token = c.last_token FROM ingest_claim_batch c
        WHERE c.tenant_id = h.tenant_id AND c.claim_id = ANY (\${rows.map((row) => row.claim_id)}::bigint[]) RETURNING h.tenant_id\`);
    return rows.length;
`,
      },
    ],
  },
  {
    name: 'duplicates-as-new',
    doc: 'A known key of a request that brings something new, too, is taken for a new one.',
    scenario: 'old and new keys together',
    shows: ['duplicated'],
    edits: [
      {
        file: 'src/modules/bus/judgement.js',
        anchor: `                if (covered === undefined)
                    duplicates.set(position, sourceOf(original, 0));`,
        text: `                if (covered === undefined) {
                    if (units.length === 1)
                        duplicates.set(position, sourceOf(original, 0));
                }`,
      },
    ],
  },
  {
    name: 'replay-not-marked',
    doc: 'A replay does not mark the dead letter: whoever replays it again brings the event a second time.',
    scenario: 'dead letters are replayed',
    shows: ['lost', 'duplicated', 'content'],
    edits: [
      {
        file: 'src/modules/bus/dead-letter.store.js',
        anchor: '            await setReplayed(tx, replayed);',
        text: '            await Promise.resolve();',
      },
    ],
  },
  {
    name: 'infrastructure-taken-for-poison',
    doc: 'An upload that fails is blamed on the events: they go to the dead letters, and the watermark passes.',
    scenario: 'the object store goes away',
    shows: ['lost'],
    edits: [
      {
        file: COMMITTER,
        anchor: 'const tables = await this.uploadTables(claim, written, waitedFor, signal);',
        text: `let tables;
            try {
                tables = await this.uploadTables(claim, written, waitedFor, signal);
            }
            catch (error) {
                tables = written.map((table) => ({ ...table, eventCount: 0, fileIds: [] }));
                for (const [index, table] of tablesOf(claim).entries())
                    written[index].dead = (await this.writer.dead(table, error.message)).dead;
            }`,
      },
    ],
  },
];
