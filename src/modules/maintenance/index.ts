export { MaintenanceWorkerModule } from './maintenance.worker.module.js';
