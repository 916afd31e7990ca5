import { Histogram } from 'prom-client';
import type { MetricsRegistry } from '../kernel/index.js';
import type { RequestObserver } from './request-observer.js';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** From a hot ingest call to the longest wait that a request may ask for. */
const BUCKETS_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Adds the duration histogram to the registry and answers what feeds it. */
export function createRequestMetrics(metrics: MetricsRegistry): RequestObserver {
  const duration = new Histogram({
    name: 'tidemark_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last byte of its answer.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: BUCKETS_SECONDS,
    registers: [metrics],
  });
  return ({ method, route, status, durationMs }) => {
    const labels = { method: METHODS.has(method) ? method : 'other', route, status: String(status) };
    duration.observe(labels, durationMs / 1000);
  };
}
