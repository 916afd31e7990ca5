export { IDEMPOTENCY_KEY_REQUIRED } from './ingest.errors.js';
export { IngestHttpModule } from './ingest.http.module.js';
