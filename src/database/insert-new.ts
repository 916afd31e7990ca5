import type { EntityTarget, ObjectLiteral, QueryDeepPartialEntity } from 'typeorm';
import type { Tx } from './transactions.js';

/**
 * Inserts the rows that are not there yet and answers those, with their generated columns. Rows that run into a
 * unique key are left alone, so that an insert may be repeated.
 */
export async function insertNew<Entity extends ObjectLiteral>(
  tx: Tx,
  entity: EntityTarget<Entity>,
  rows: readonly QueryDeepPartialEntity<Entity>[],
): Promise<Entity[]> {
  if (rows.length === 0) return [];
  const { metadata } = tx.getRepository(entity);
  const result = await tx
    .createQueryBuilder()
    .insert()
    .into(entity)
    .values([...rows])
    .orIgnore()
    .returning(metadata.columns.map((column) => column.propertyName))
    .updateEntity(false)
    .execute();
  return (result.raw as Record<string, unknown>[]).map((raw) => {
    const row = tx.create(entity);
    for (const column of metadata.columns) column.setEntityValue(row, raw[column.databaseName]);
    return row;
  });
}
