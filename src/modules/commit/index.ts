export { CommitWorkerModule } from './commit.worker.module.js';
