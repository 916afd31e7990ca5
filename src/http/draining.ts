/**
 * Whether this process still wants requests.
 * State: serving -> draining (not ready, requests are answered and their connections closed) -> closed (503).
 */
export class Draining {
  private state: 'serving' | 'draining' | 'closed' = 'serving';

  /** True from the first sign of shutdown on. */
  get active(): boolean {
    return this.state !== 'serving';
  }

  /** True once what answers requests is being taken down. */
  get closed(): boolean {
    return this.state === 'closed';
  }

  begin(): void {
    if (this.state === 'serving') this.state = 'draining';
  }

  close(): void {
    this.state = 'closed';
  }
}
