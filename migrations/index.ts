import { Tenancy1795000000000 } from './1795000000000-tenancy.js';
import { Tables1795000000001 } from './1795000000001-tables.js';
import { IngestBus1795000000002 } from './1795000000002-ingest-bus.js';
import { Snapshots1795000000003 } from './1795000000003-snapshots.js';
import { Operations1795000000004 } from './1795000000004-operations.js';
import { ClaimSplits1796000000100 } from './1796000000100-claim-splits.js';
import { Quarantine1796000000101 } from './1796000000101-quarantine.js';
import { LedgerLife1796000000400 } from './1796000000400-ledger-life.js';
import { SteadyLoad1796000000401 } from './1796000000401-steady-load.js';
import { SchemaEvolution1796000000600 } from './1796000000600-schema-evolution.js';
import { KeyedTables1796000000710 } from './1796000000710-keyed-tables.js';
import { MixedPartitions1796000000720 } from './1796000000720-mixed-partitions.js';
import { TablesWithoutSchema1796000000730 } from './1796000000730-tables-without-schema.js';
import { DeadLetterLife1796000000740 } from './1796000000740-dead-letter-life.js';
import { RoomOnPages1796000000741 } from './1796000000741-room-on-pages.js';
import { ClaimsInTwoCalls1796000000750 } from './1796000000750-claims-in-two-calls.js';
import { DropOfAGoneLeaf1796000000760 } from './1796000000760-drop-of-a-gone-leaf.js';
import { PublicationInOneCall1796000000770 } from './1796000000770-publication-in-one-call.js';
import { DeadLettersByAge1796000000780 } from './1796000000780-dead-letters-by-age.js';

/** In the order in which they are applied. Listed as classes: globs do not survive a build. */
export const MIGRATIONS = [
  Tenancy1795000000000,
  Tables1795000000001,
  IngestBus1795000000002,
  Snapshots1795000000003,
  Operations1795000000004,
  ClaimSplits1796000000100,
  Quarantine1796000000101,
  LedgerLife1796000000400,
  SteadyLoad1796000000401,
  SchemaEvolution1796000000600,
  KeyedTables1796000000710,
  MixedPartitions1796000000720,
  TablesWithoutSchema1796000000730,
  DeadLetterLife1796000000740,
  RoomOnPages1796000000741,
  ClaimsInTwoCalls1796000000750,
  DropOfAGoneLeaf1796000000760,
  PublicationInOneCall1796000000770,
  DeadLettersByAge1796000000780,
];
