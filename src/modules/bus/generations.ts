import { WINDOW_CLASSES } from './ingest-bus.js';

/** Ledger and headers have generations by window class, bodies their own. */
export const GENERATION_CLASSES = [...WINDOW_CLASSES, 'body'] as const;
export type GenerationClass = (typeof GENERATION_CLASSES)[number];

const HOUR_MS = 3_600_000;

/** A generation is the current one for this long at least. */
export const WINDOW_MS: Readonly<Record<GenerationClass, number>> = {
  '1h': HOUR_MS,
  '24h': 24 * HOUR_MS,
  '7d': 7 * 24 * HOUR_MS,
  '30d': 30 * 24 * HOUR_MS,
  body: HOUR_MS,
};

/** How long settled claims are kept, for those who ask what happened. */
export const CLAIM_HISTORY_MS = 24 * HOUR_MS;

/** Generations whose leaves exist beforehand. */
export const LEAVES_AHEAD = 2;

/** The oldest generation that is looked at, whatever its leaves hold. */
export const oldestInUse = (className: GenerationClass, current: number): number =>
  className === 'body' ? current : current - 1;
