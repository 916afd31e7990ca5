export { ConversionFault, EngineFailure, type EngineFailureReason } from './engine-failure.js';
export {
  QUERY_MEMORY_EXCEEDED,
  QUERY_TIMEOUT,
  QUERY_TOO_LARGE,
  SQL_INVALID,
  SQL_NOT_ALLOWED,
} from './engine.errors.js';
export { EngineModule } from './engine.module.js';
export { isParameterType } from './parameter-type.js';
export { needsLayout } from './file-layout.js';
export {
  QUERY_ENGINE,
  UnknownTableError,
  type GatedQuery,
  type MergedFiles,
  type QueryEngine,
  type QueryFile,
  type QueryJob,
  type QueryParameter,
  type QueryParameters,
  type QueryResult,
  type QueryTable,
  type ResultColumn,
  type ResultValue,
  type TableShape,
  type TypedParameter,
} from './query-engine.js';
export {
  WRITE_ENGINE,
  type ColumnStats,
  type KeyedFiles,
  type KeyedWriteJob,
  type PartitionFile,
  type SortColumn,
  type WriteBatch,
  type WriteEngine,
  type WriteInput,
  type WriteJob,
  type WrittenFile,
} from './write-engine.js';
