import { TestService } from '../support/service.js';
import { Complaints } from './complaints.js';
import type { LanesOptions } from './lanes.js';
import { placeIn } from './play.js';

export const LANES = 4;

/** The service that all programs of a run share. `dist`: another build, whose migrations are its own. */
export const startModelService = (dist?: string): Promise<TestService> =>
  TestService.start({
    ...(dist !== undefined && { dist, databaseUrl: 'embedded' }),
    env: {
      // Events wait for whoever asks for their token, so that a program decides what is under way.
      TIDEMARK_COMMIT_MAX_DELAY_MS: '600000',
      TIDEMARK_QUERY_CONCURRENCY: String(LANES),
      TIDEMARK_QUERY_THREADS: '1',
      TIDEMARK_WRITE_CONCURRENCY: '2',
    },
  });

/** A new tenant for each lane and each batch of programs. */
export function lanesOn(service: TestService): Pick<LanesOptions, 'lanes' | 'place'> {
  const complaints = new Complaints(service);
  return { lanes: LANES, place: async () => placeIn(await service.createTenant(), complaints) };
}
