export { ensureCredentials, type Credentials, type FirstKeys, type FirstTenant } from './credentials.js';
export { EmbeddedError } from './embedded-error.js';
export { startEmbedded, type Embedded } from './embedded.js';
export { FIRST_TABLE, welcomeText, type Welcome } from './welcome.js';
