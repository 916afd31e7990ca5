import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import pg from 'pg';
import { LOGGER, type Logger } from '../kernel/index.js';

/**
 * `flush` is `tenant:token`, `published` is `tenant:watermark:snapshot`, `catalog` is `tenant:epoch`, `uploaded` is
 * `tenant:files`, as JSON.
 */
export type Channel = 'tidemark_flush' | 'tidemark_published' | 'tidemark_catalog' | 'tidemark_uploaded';

export const DATABASE_URL = Symbol('DATABASE_URL');

type Handler = (payload: string) => void;

const RECONNECT_MS = 500;

/**
 * LISTEN and NOTIFY. One connection a process listens; it is opened with the first subscription and opened again
 * when it is lost. Deliveries may be lost meanwhile: subscribers must also look by themselves from time to time.
 */
@Injectable()
export class Notifications implements OnApplicationShutdown {
  private readonly handlers = new Map<Channel, Set<Handler>>();
  /** Payloads to send, the latest for each subject. */
  private outgoing = new Map<string, { channel: Channel; payload: string }>();
  private sending: Promise<void> | undefined;
  private client: pg.Client | undefined;
  /** One step after the other: a client runs one statement at a time. */
  private listening: Promise<void> = Promise.resolve();
  private retry: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(DATABASE_URL) private readonly databaseUrl: string,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Answers how to unsubscribe. */
  subscribe(channel: Channel, handler: Handler): () => void {
    const handlers = this.handlers.get(channel) ?? new Set();
    this.handlers.set(channel, handlers.add(handler));
    this.listenSoon();
    return () => handlers.delete(handler);
  }

  /**
   * Tells this process at once, and all soon, outside of any transaction. Payloads with the same subject (the text before
   * the first colon) that wait to be sent are coalesced to the last. Failures are logged: a notification is a hint.
   */
  notify(channel: Channel, payload: string): void {
    this.deliver(channel, payload);
    this.outgoing.set(`${channel}:${payload.split(':', 1)[0] ?? ''}`, { channel, payload });
    this.sending ??= this.sendAll().finally(() => (this.sending = undefined));
  }

  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    clearTimeout(this.retry);
    await Promise.all([this.sending, this.listening]);
    await this.client?.end().catch(() => undefined);
  }

  private async sendAll(): Promise<void> {
    while (this.outgoing.size > 0) {
      const batch = [...this.outgoing.values()];
      this.outgoing = new Map();
      try {
        await this.dataSource.query(
          'SELECT pg_notify(c, p) FROM unnest($1::text[], $2::text[]) AS n (c, p)',
          [batch.map((n) => n.channel), batch.map((n) => n.payload)],
        );
      } catch (error) {
        this.logger.warn({ err: error }, 'a notification could not be sent');
      }
    }
  }

  private listenSoon(): void {
    this.listening = this.listening.then(() => this.listen());
  }

  /** Never rejects: a connection that fails is opened again. */
  private async listen(): Promise<void> {
    if (this.closed) return;
    const client = this.client ?? this.newClient();
    try {
      if (this.client === undefined) await client.connect();
      this.client = client;
      await this.listenToAll(client);
    } catch (error) {
      this.lost(client, error);
    }
  }

  private newClient(): pg.Client {
    const client = new pg.Client({
      connectionString: this.databaseUrl,
      application_name: 'tidemark listener',
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      connectionTimeoutMillis: 3_000,
      query_timeout: 5_000,
    });
    client.on('notification', ({ channel, payload }) => this.deliver(channel as Channel, payload ?? ''));
    client.on('error', (error) => this.lost(client, error));
    client.on('end', () => this.lost(client, undefined));
    return client;
  }

  private async listenToAll(client: pg.Client): Promise<void> {
    for (const channel of this.handlers.keys()) await client.query(`LISTEN ${channel}`);
  }

  private deliver(channel: Channel, payload: string): void {
    for (const handler of this.handlers.get(channel) ?? []) handler(payload);
  }

  private lost(client: pg.Client | undefined, error: unknown): void {
    if (this.closed || this.retry !== undefined) return;
    if (client !== undefined && this.client !== undefined && client !== this.client) return;
    this.client = undefined;
    if (error !== undefined) this.logger.warn({ err: error }, 'the listening connection was lost');
    client?.end().catch(() => undefined);
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.listenSoon();
    }, RECONNECT_MS);
  }
}
