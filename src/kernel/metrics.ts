import type { Registry } from 'prom-client';

/**
 * Injection token of the process's Prometheus registry. A module adds its metrics with `registers: [metrics]`.
 * Names begin with `tidemark_`; labels have few values: never a tenant, a table or an id.
 */
export const METRICS = Symbol('Metrics');

export type MetricsRegistry = Registry;
