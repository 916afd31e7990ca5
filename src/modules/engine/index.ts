export { ConversionFault, EngineFailure, type EngineFailureReason } from './engine-failure.js';
export { EngineModule } from './engine.module.js';
export {
  WRITE_ENGINE,
  type ColumnStats,
  type WriteBatch,
  type WriteEngine,
  type WriteInput,
  type WriteJob,
  type WrittenFile,
} from './write-engine.js';
