import { Injectable } from '@nestjs/common';
import type { Tx } from '../../database/index.js';
import { readProgress } from './sql/head.js';
import { locateTokens } from './sql/locate-tokens.js';
import { findNewestToken } from './sql/newest-token.js';

/** `discarded`: the watermark passed the event, but its table was dropped first. */
export type EventLocation =
  | { readonly state: 'accepted' }
  /** `file` is undefined where the commit wrote several files that may hold the event. */
  | { readonly state: 'visible'; readonly snapshotId: number; readonly file: string | undefined }
  | { readonly state: 'discarded' };

/** Where events came to lie, by their tokens. Dead ones are for the caller to take out. */
@Injectable()
export class ReceiptLocator {
  /** By token. `tx` is one that sees one moment. */
  async locate(
    tx: Tx,
    tenantId: string,
    tableId: number,
    tokens: readonly number[],
  ): Promise<Map<number, EventLocation>> {
    const progress = await readProgress(tx, tenantId);
    const published = progress?.publishedToken ?? 0;
    const found = new Map((await locateTokens(tx, tableId, tokens)).map((row) => [row.token, row] as const));
    return new Map(
      tokens.map((token): [number, EventLocation] => {
        if (token > published) return [token, { state: 'accepted' }];
        const row = found.get(token);
        return [
          token,
          row === undefined
            ? { state: 'discarded' }
            : { state: 'visible', snapshotId: row.snapshot_id, file: row.path ?? undefined },
        ];
      }),
    );
  }

  /** The highest token that the table was written at, published or not. */
  newestToken(tx: Tx, tenantId: string, tableId: number): Promise<number> {
    return findNewestToken(tx, tenantId, tableId);
  }

  async locateOne(tx: Tx, tenantId: string, tableId: number, token: number): Promise<EventLocation> {
    return (await this.locate(tx, tenantId, tableId, [token])).get(token) ?? { state: 'accepted' };
  }
}
