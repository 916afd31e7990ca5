import { openPostgresBackend } from '../support/bus-postgres.js';
import { ingestBusSuite } from './ingest-bus.suite.js';

ingestBusSuite('Postgres', openPostgresBackend);
