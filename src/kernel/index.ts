export {
  AppError,
  declaredErrors,
  defineError,
  ERROR_CODES,
  type AppErrorOptions,
  type ErrorCode,
  type ErrorSpec,
} from './app-error.js';
export { BackgroundLoop, type LoopOptions } from './background-loop.js';
export { CLOCK, systemClock, type Clock } from './clock.js';
export { FairShares, type ShareRefusal } from './fair-shares.js';
export {
  LIST_ELEMENT,
  MAX_TYPE_DEPTH,
  partsOf,
  SIMPLE_TYPES,
  type ColumnType,
  type ScalarType,
  type SimpleType,
  type TypedField,
} from './column-type.js';
export {
  columnType,
  columnTypeText,
  FIRST_USER_FIELD_ID,
  METADATA_COLUMNS,
  typedField,
  type Column,
} from './columns.js';
export {
  armFailpoints,
  failpoint,
  FAILPOINT_ACTIONS,
  FAILPOINT_NAMES,
  isFailpointArmed,
  type FailpointAction,
  type FailpointName,
  type FailpointPlan,
} from './failpoints.js';
export {
  DEPENDENCY_UNAVAILABLE,
  INTERNAL,
  NOT_FOUND,
  PAYLOAD_TOO_LARGE,
  QUEUE_FULL,
  REQUEST_INVALID,
  SERVER_BUSY,
  UNSUPPORTED_MEDIA_TYPE,
} from './kernel.errors.js';
export { KernelModule } from './kernel.module.js';
export { inTurns } from './in-turns.js';
export { createLogger, LOGGER, type Logger } from './logger.js';
export { METRICS, type MetricsRegistry } from './metrics.js';
export { freeBuffer, joinBuffers } from './own-memory.js';
export {
  FIRST_PARTITION_FIELD_ID,
  MAX_PARTITION_FIELDS,
  maxWidth,
  parseTransform,
  TRANSFORM_SOURCES,
  UNPARTITIONED,
  type PartitionField,
  type PartitionSpec,
  type PartitionTransform,
  type PartitionValue,
  type PartitionValues,
  type SortDirection,
  type SortField,
} from './partition-spec.js';
export { isProcessAlive } from './process-liveness.js';
export {
  READINESS_SCOPES,
  ReadinessRegistry,
  type ReadinessCheck,
  type ReadinessScope,
} from './readiness.js';
export { MAX_TYPE_CHARS, parseColumnType, parseType, TypeTextError } from './type-parser.js';
export { nameText, typeText } from './type-text.js';
