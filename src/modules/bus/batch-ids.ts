import { query, sql, type SqlExecutor } from '../../database/index.js';

/** Must agree with the sequence's INCREMENT. */
const BLOCK = 1000;

/** Draws batch ids from the sequence a block at a time. Ids are unique, not ordered across processes. */
export class BatchIds {
  private next = 0;
  private end = 0;

  constructor(private readonly executor: SqlExecutor) {}

  async take(count: number): Promise<number[]> {
    const ids: number[] = [];
    while (ids.length < count) {
      if (this.next >= this.end) {
        const [row] = await query<{ id: number }>(
          this.executor,
          sql`SELECT nextval('ingest_batch_id') AS id`,
        );
        if (row === undefined) throw new Error('nextval answered nothing');
        this.next = row.id;
        this.end = row.id + BLOCK;
      }
      ids.push(this.next++);
    }
    return ids;
  }
}
