/**
 * One-dimensional arrays in the wire format of Postgres (`array_send` in its sources): number of dimensions, flag for
 * nulls, element type, length, lower bound, then each element after its length. Nothing is escaped or parsed:
 * measured, this saves a sixth of the ingest function's time.
 */
const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const UUID_BYTES = 16;
const INT4_BYTES = 4;
const UUID_OID = 2950;
const INT4_OID = 23;

/** `valueOf` answers 32 hex digits. */
export function uuidArray<Row>(rows: readonly Row[], valueOf: (row: Row) => string): Buffer {
  const array = allocate(rows.length, UUID_OID, UUID_BYTES);
  let at = HEADER_BYTES;
  for (const row of rows) {
    at = array.writeInt32BE(UUID_BYTES, at);
    if (array.write(valueOf(row), at, UUID_BYTES, 'hex') !== UUID_BYTES)
      throw new Error('a uuid needs 32 hex digits');
    at += UUID_BYTES;
  }
  return array;
}

export function int4Array<Row>(rows: readonly Row[], valueOf: (row: Row) => number): Buffer {
  const array = allocate(rows.length, INT4_OID, INT4_BYTES);
  let at = HEADER_BYTES;
  for (const row of rows) {
    at = array.writeInt32BE(INT4_BYTES, at);
    at = array.writeInt32BE(valueOf(row), at);
  }
  return array;
}

function allocate(length: number, elementType: number, elementBytes: number): Buffer {
  const array = Buffer.allocUnsafe(HEADER_BYTES + length * (LENGTH_BYTES + elementBytes));
  [1, 0, elementType, length, 1].reduce((at, field) => array.writeInt32BE(field, at), 0);
  return array;
}
