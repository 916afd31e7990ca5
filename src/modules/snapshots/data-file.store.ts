import { Injectable } from '@nestjs/common';
import { insertNew, type Tx } from '../../database/index.js';
import { DataFileEntity } from './data-file.entity.js';

/** A file that is written but not uploaded. One of data where it does not say. */
export type PendingFile = Omit<DataFileEntity, 'fileId' | 'content' | 'equalityFieldIds'> &
  Partial<Pick<DataFileEntity, 'content' | 'equalityFieldIds'>>;

@Injectable()
export class DataFileStore {
  /** Inserts rows in state pending; a path that has a row already is left alone. Answers the new rows. */
  insertPending(tx: Tx, files: readonly PendingFile[]): Promise<DataFileEntity[]> {
    return insertNew(tx, DataFileEntity, files);
  }
}
