import { Module } from '@nestjs/common';
import { DeadLetterUpkeep } from './dead-letter-upkeep.js';
import { LedgerUpkeep } from './ledger-upkeep.js';

/** The upkeep of the Postgres bus and of the dead letters, for the role that does scheduled work. */
@Module({ providers: [LedgerUpkeep, DeadLetterUpkeep], exports: [LedgerUpkeep, DeadLetterUpkeep] })
export class LedgerUpkeepModule {}
