import { Module } from '@nestjs/common';
import { LedgerUpkeep } from './ledger-upkeep.js';

/** The upkeep of the Postgres bus, for the role that does scheduled work. */
@Module({ providers: [LedgerUpkeep], exports: [LedgerUpkeep] })
export class LedgerUpkeepModule {}
