import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import {
  LOGGER,
  ReadinessRegistry,
  type Logger,
  type ReadinessCheck,
  type ReadinessScope,
} from '../../kernel/index.js';

export interface DependencyState {
  readonly status: 'up' | 'down';
  readonly latency_ms: number;
  /** Why it is down, in words for operators. */
  readonly reason?: string;
}

export interface ReadinessReport {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, DependencyState>>;
}

/** A dependency that answers later than this is down. */
export const CHECK_TIMEOUT_MS = 2000;
/** Probes within this time share one answer. */
const CACHE_MS = 250;

/** Asks the registered checks, all at once and each for a bounded time. */
@Injectable()
export class Readiness {
  /** Checks that have not ended, timed out or not: a hanging dependency is never asked twice at a time. */
  private readonly running = new Map<string, Promise<void>>();
  private readonly lastStatus = new Map<string, DependencyState['status']>();

  constructor(
    @Inject(ReadinessRegistry) private readonly registry: ReadinessRegistry,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async report(scope: ReadinessScope): Promise<ReadinessReport> {
    const states = await Promise.all(
      this.registry
        .checksFor(scope)
        .map(async ([name, check]) => [name, await this.ask(name, check)] as const),
    );
    return { ready: states.every(([, state]) => state.status === 'up'), checks: Object.fromEntries(states) };
  }

  private async ask(name: string, check: ReadinessCheck): Promise<DependencyState> {
    const attempt = this.indicators.check(name).attempt(({ signal }) => this.join(name, check, signal));
    const answer = await attempt.withTimeout(CHECK_TIMEOUT_MS).cacheFor(CACHE_MS);
    const { status, responseTime, message } = answer[name] as {
      status: string;
      responseTime: number;
      message?: string;
    };
    const state: DependencyState =
      status === 'up'
        ? { status, latency_ms: responseTime }
        : { status: 'down', latency_ms: responseTime, reason: message ?? 'failed' };
    this.logChange(name, state);
    return state;
  }

  private join(name: string, check: ReadinessCheck, signal: AbortSignal): Promise<void> {
    const known = this.running.get(name);
    if (known !== undefined) return known;
    const started = check.check(signal).finally(() => this.running.delete(name));
    this.running.set(name, started);
    return started;
  }

  private logChange(name: string, state: DependencyState): void {
    if ((this.lastStatus.get(name) ?? 'up') === state.status) return;
    this.lastStatus.set(name, state.status);
    const level = state.status === 'up' ? 'info' : 'warn';
    this.logger[level]({ dependency: name, ...state }, `${name} is ${state.status}`);
  }
}
