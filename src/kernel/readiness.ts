/** What a probe asks for: all that this process needs, or only what taking in events needs. */
export const READINESS_SCOPES = ['all', 'ingest'] as const;
export type ReadinessScope = (typeof READINESS_SCOPES)[number];

export interface ReadinessCheck {
  /** The probes that it counts for. */
  readonly for: readonly ReadinessScope[];
  /** Resolves when the dependency works now. Must end soon after `signal` aborts. Anyone may read the error's message. */
  check(signal: AbortSignal): Promise<void>;
}

/** Where each module registers the dependencies that it needs; `/v1/ready` asks them. */
export class ReadinessRegistry {
  private readonly checks = new Map<string, ReadinessCheck>();

  /** `name` is shown to operators, in snake_case. A name is registered once. */
  register(name: string, check: ReadinessCheck): void {
    if (this.checks.has(name)) throw new Error(`readiness check ${name} is registered twice`);
    this.checks.set(name, check);
  }

  /** In the order of registration. */
  checksFor(scope: ReadinessScope): [name: string, check: ReadinessCheck][] {
    return [...this.checks].filter(([, check]) => check.for.includes(scope));
  }
}
