import type { TestService } from '../support/service.js';

/** Of a log line: an error, as pino has it. */
const ERROR = 50;
/** A warning that tells of a commit that could not be written as it was. */
const SPLIT = 'a range is split for a fault';

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly tenantId?: string;
  readonly err?: { readonly message: string };
  readonly reason?: string;
}

/**
 * What the service logs of failures, by tenant. A commit that fails is tried again and in parts, and may get through: then
 * nothing that a query answers tells of it.
 */
export class Complaints {
  private seenChars = 0;
  private readonly byTenant = new Map<string, string[]>();

  constructor(private readonly service: Pick<TestService, 'output'>) {}

  /** All so far. */
  of(tenantId: string): readonly string[] {
    const { output } = this.service;
    const end = output.lastIndexOf('\n') + 1;
    const lines = output.slice(this.seenChars, end).split('\n');
    this.seenChars = end;
    for (const line of lines) this.take(line);
    return this.byTenant.get(tenantId) ?? [];
  }

  private take(text: string): void {
    if (!text.startsWith('{')) return;
    const { level, msg, tenantId, err, reason } = JSON.parse(text) as LogLine;
    if (tenantId === undefined || (level < ERROR && msg !== SPLIT)) return;
    const own = this.byTenant.get(tenantId) ?? [];
    this.byTenant.set(tenantId, [...own, `${msg}: ${err?.message ?? reason ?? ''}`]);
  }
}
