import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A drop that lost a race: answers 'gone' where the leaf went after its name was looked up, not an error. */
export class DropOfAGoneLeaf1796000000760 implements MigrationInterface {
  readonly name = 'DropOfAGoneLeaf1796000000760';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(dropLeaf(`WHEN undefined_table THEN RETURN 'gone';`));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(dropLeaf(''));
  }
}

/**
 * The look-up of a name may be answered from the session's cache. Only a lock on a table makes the session read what
 * others have dropped since: so the name that another process's drop took away under the advisory lock can still be
 * there for the next holder of that lock, until it locks the leaf.
 */
const dropLeaf = (onUndefinedTable: string): string => `
CREATE OR REPLACE FUNCTION ingest_drop_leaf(p_class text, p_parent text, p_generation integer, p_lock_timeout_ms integer)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_leaf text := p_parent || '_' || p_generation;
BEGIN
  IF NOT pg_try_advisory_xact_lock(1413698373, 200 + ingest_lock_key(p_class)) THEN RETURN 'busy'; END IF;
  IF to_regclass(quote_ident(v_leaf)) IS NULL THEN RETURN 'gone'; END IF;
  IF ingest_leaf_in_use(p_class, p_parent, p_generation) THEN RETURN 'in_use'; END IF;
  PERFORM set_config('lock_timeout', p_lock_timeout_ms::text, true);
  EXECUTE format('LOCK TABLE %I IN SHARE UPDATE EXCLUSIVE MODE NOWAIT', v_leaf);
  EXECUTE format('DROP TABLE %I', v_leaf);
  RETURN 'dropped';
EXCEPTION
  WHEN lock_not_available THEN RETURN 'locked';
  ${onUndefinedTable}
END $$`;
