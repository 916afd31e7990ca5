import { Cron } from '@nestjs/schedule';

/** Scheduled work. A run must not reject. */
export interface ScheduledTask {
  run: () => Promise<void>;
}

/**
 * `@Cron` for an expression that only the settings know: call it in the constructor. Runs of one task in one process do
 * not overlap.
 */
export function onCron(task: ScheduledTask, expression: string, name: string): void {
  const run = task.run.bind(task);
  Cron(expression, { name, waitForCompletion: true })(task, 'run', { value: run });
  task.run = run;
}
