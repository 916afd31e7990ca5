export { ConfigModule, settingsOf } from './config.module.js';
export { processEnvironment } from './environment.js';
export {
  loadSettings,
  SettingsError,
  type Environment,
  type FilesystemSettings,
  type S3Settings,
  type Settings,
} from './settings.js';
export { ROLES, VARIABLES, type Role, type Variable } from './variables.js';
