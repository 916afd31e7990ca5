import { TableDefEntity } from './table-def.entity.js';
import { TableSchemaVersionEntity } from './table-schema-version.entity.js';

export { type ColumnRequest } from './column-definition.js';
export { ExactNumber, isJsonObject, toExactNumber } from './exact-number.js';
export { PayloadValidator } from './payload-validator.js';
export { keyColumnsOf } from './primary-key.js';
export { RecordValidator } from './record-validator.js';
export { TableCatalog, type SnapshotTable } from './table-catalog.js';
export { type TableRequest } from './table-definition.js';
export { TooManyFields } from './inference/field-budget.js';
export { beyondInference, GrowthRefusal } from './inference/growth.errors.js';
export { proposeSchema, type SchemaProposal } from './inference/schema-proposal.js';
export { FieldNeeds } from './inference/needed-fields.js';
export { TableGrowth } from './inference/table-growth.service.js';
export { taughtFields, type SampleRecord } from './inference/taught-fields.js';
export { EVOLUTION_MODES, TABLE_NAME, type EvolutionMode } from './table-definition.js';
export { TableLayouts, type FileLayout } from './table-layouts.js';
export { TableNames, type NamedTable } from './table-names.js';
export { TableRegistry, type IngestTable } from './table-registry.js';
export { TableSchemas } from './table-schemas.js';
export { type Table } from './table.store.js';
export {
  SCHEMA_INCOMPATIBLE,
  SCHEMA_VIOLATION,
  TABLE_ALREADY_EXISTS,
  TABLE_NOT_FOUND,
} from './tables.errors.js';
export { TablesHttpModule } from './tables.http.module.js';
export { TablesModule } from './tables.module.js';
export { TablesService } from './tables.service.js';
export { toInstantText } from './time-text.js';
export { describeFound, memberPath, type FieldViolation } from './violation.js';

/** For the data source. */
export const TABLES_ENTITIES = [TableDefEntity, TableSchemaVersionEntity];
