import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { BackgroundLoop, CLOCK, LOGGER, type Clock, type Logger } from '../../kernel/index.js';
import { KeyUses } from './key-uses.js';

const FLUSH_EVERY_MS = 5_000;
const MAX_BACKOFF_MS = 60_000;

/** Writes the uses of keys from time to time, and the last ones before the process ends. */
@Injectable()
export class KeyUseLoop implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(
    @Inject(KeyUses) private readonly uses: KeyUses,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(CLOCK) clock: Clock,
  ) {
    this.loop = new BackgroundLoop({
      name: 'key-uses',
      clock,
      logger,
      idleMs: FLUSH_EVERY_MS,
      maxBackoffMs: MAX_BACKOFF_MS,
      runOnce: async () => {
        await this.uses.flush();
        return false;
      },
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
    await this.uses.flush().catch((error: unknown) => {
      this.logger.warn({ err: error }, 'the last uses of API keys were not written');
    });
  }
}
