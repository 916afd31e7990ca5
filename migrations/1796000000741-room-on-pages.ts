import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Room that did nothing. The five rows of ingest_generation never fill a page, and a claim's extension finds the room of
 * claims that were purged: with and without, every update of the one and half of the other's touched no index.
 */
const ROOM = { ingest_generation: 10, ingest_claim_batch: 80 };

/** Takes back the fill factors that steady load does not need. */
export class RoomOnPages1796000000741 implements MigrationInterface {
  readonly name = 'RoomOnPages1796000000741';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of Object.keys(ROOM)) await runner.query(`ALTER TABLE ${table} RESET (fillfactor)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const [table, fillfactor] of Object.entries(ROOM))
      await runner.query(`ALTER TABLE ${table} SET (fillfactor = ${fillfactor})`);
  }
}
