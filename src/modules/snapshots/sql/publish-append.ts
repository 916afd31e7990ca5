import { prepared, query, SQLSTATE, sqlStateOf, type Tx } from '../../../database/index.js';
import { PublicationRefused, type AppendPublication } from '../publication.js';

/**
 * All that a publication does to the catalog, but for its fence. Locks the tenant's head, then data files by id; see the
 * function in its migration. Answers the snapshot's id. Rejects with `PublicationRefused` where the range is not the next one,
 * or its files are not those that were written.
 */
export async function publishAppend(tx: Tx, publication: AppendPublication): Promise<number> {
  const { tables, deadEvents = 0 } = publication;
  const files = tables.flatMap(({ tableId, fileIds }) => fileIds.map((fileId) => ({ tableId, fileId })));
  const summary = deadEvents > 0 ? { dead_events: deadEvents } : {};
  try {
    const [row] = await query<{ snapshot_id: number }>(
      tx,
      prepared('publish_append')`SELECT publish_append(
          ${publication.tenantId}, ${publication.publicationId}, ${publication.baseToken}, ${publication.lastToken},
          ${publication.createdBy}, ${JSON.stringify(summary)}::jsonb,
          ${tables.map(({ tableId }) => tableId)}, ${tables.map((table) => table.maxVisibilityToken)},
          ${tables.map(({ eventCount }) => eventCount)},
          ${files.map(({ fileId }) => fileId)}, ${files.map(({ tableId }) => tableId)}) AS snapshot_id`,
    );
    if (row === undefined) throw new Error('the publication answered nothing');
    return row.snapshot_id;
  } catch (error) {
    if (sqlStateOf(error) !== SQLSTATE.publicationRefused) throw error;
    throw new PublicationRefused((error as Error).message, { cause: error });
  }
}
