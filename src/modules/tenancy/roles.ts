/** What an API key may do. A key holds one or more. */
export const KEY_ROLES = ['ingest_writer', 'query_reader', 'table_admin', 'ops_admin'] as const;

export type KeyRole = (typeof KEY_ROLES)[number];
