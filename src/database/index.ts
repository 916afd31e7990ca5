export { createDataSource, type EntityClass } from './data-source.js';
export {
  constraintOf,
  isDatabaseUnavailable,
  isLockTimeout,
  SQLSTATE,
  sqlStateOf,
  translateDatabaseError,
} from './database-errors.js';
export { DatabaseModule } from './database.module.js';
export { raiseIncident, type Incident } from './incidents.js';
export { insertNew } from './insert-new.js';
export { applyMigrations, Migrations } from './migrations.js';
export { DATABASE_URL, Notifications, type Channel } from './notifications.js';
export { identifier, prepared, query, sql, Statement, type SqlExecutor } from './sql.js';
export { DatabaseStartError } from './open-database.js';
export { Transactions, type Tx } from './transactions.js';
