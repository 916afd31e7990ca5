export { Admissions } from './admissions.js';
export { AnyJson } from './any-json.js';
export { serveApiDocs } from './api-docs.js';
export { BodyExample, exampleOf } from './body-example.js';
export { DtoPipe, dtoBody, dtoQuery } from './dto.pipe.js';
export { type Violation } from './dto-shape.js';
export { Draining } from './draining.js';
export { createHttpAdapter, HttpAdapter, type HttpTimeouts } from './http-adapter.js';
export { HttpModule } from './http.module.js';
export { readIfMatch } from './if-match.js';
export { jsonPath } from './json-path.js';
export { buildOpenApiDocument } from './openapi.js';
export {
  CursorQuery,
  decodeCursor,
  encodeCursor,
  PageLimit,
  PageQuery,
  pageOf,
  type Position,
} from './page.js';
export { STATUS_OF } from './problem-status.js';
export { FlagText, IntegerText } from './query-text.js';
export { type IngestBody } from './request-body.js';
export { untilClosed } from './until-closed.js';
