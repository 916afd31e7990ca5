export { QueryHttpModule } from './query.http.module.js';
export { QueryModule } from './query.module.js';
export { QueryService, type QueryAnswer, type QueryRequest } from './query.service.js';
