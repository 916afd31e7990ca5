import type { IncomingMessage, ServerResponse } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, REQUEST_INVALID, SERVER_BUSY, type Logger } from '../kernel/index.js';
import { Admissions } from './admissions.js';
import { Draining } from './draining.js';
import { clientRefusal } from './problem.js';
import { pathOf, replyWithProblem, replyWithRefusal } from './problem-reply.js';
import { createBodyReader, expectsContinue } from './request-body.js';
import { requestIdOf } from './request-id.js';
import { logRequest, observeRequest, type RequestObserver } from './request-observer.js';
import { RouteTable } from './route-table.js';
import { answerBrokenRequest, answerUnmetExpectation } from './wire-errors.js';

export interface HttpSettings {
  readonly maxBodyBytes: number;
  readonly maxInflatedBytes: number;
  /** Requests under way in this process. */
  readonly maxRequests: number;
}

export interface HttpTimeouts {
  /** For the request line and headers. */
  readonly headersMs: number;
  /** For the whole request, its body included. The answer may take longer. */
  readonly requestMs: number;
  /** How long an idle connection is kept. Above the 60 s of common load balancers, which must close first. */
  readonly keepAliveMs: number;
  /** How long what is left of a refused body is read and dropped, so that the client sees the answer. */
  readonly lingerMs: number;
  /** A body that brings less than 1 KiB in this time is given up. */
  readonly bodyWindowMs: number;
}

const TIMEOUTS: HttpTimeouts = {
  headersMs: 15_000,
  requestMs: 120_000,
  keepAliveMs: 72_000,
  lingerMs: 5_000,
  bodyWindowMs: 10_000,
};
/** Bodies in memory at once, in bodies of the largest size. */
const BUDGET_BODIES = 4;
/** Answered however full the process is. */
const PROBES: ReadonlySet<string | undefined> = new Set(['/v1/health', '/v1/ready', '/v1/metrics']);
/** Ids and names are checked by the routes; this only bounds the router's work. */
const MAX_PATH_PARAMETER = 2048;

/**
 * Nest on Fastify, so that every answer is ours: each has a `Request-Id`, each refusal is a problem,
 * and no body is read before a handler asks for it.
 */
export class HttpAdapter extends FastifyAdapter {
  readonly draining = new Draining();
  readonly admissions: Admissions;
  private readonly routes = new RouteTable();
  private observer: RequestObserver = () => undefined;
  /** Not answered yet, those that no guard has admitted included. */
  private readonly unanswered = new Set<FastifyRequest>();

  constructor(
    private readonly settings: HttpSettings,
    private readonly log: Logger,
    private readonly timeouts: HttpTimeouts,
  ) {
    super({
      logger: false,
      trustProxy: false,
      bodyLimit: settings.maxBodyBytes,
      genReqId: (raw: IncomingMessage) => requestIdOf(raw.headers),
      requestTimeout: timeouts.requestMs,
      keepAliveTimeout: timeouts.keepAliveMs,
      return503OnClosing: false,
      forceCloseConnections: 'idle',
      routerOptions: { maxParamLength: MAX_PATH_PARAMETER },
      http: {
        headersTimeout: timeouts.headersMs,
        connectionsCheckingInterval: Math.min(5_000, timeouts.headersMs),
        // Checked by a hook, which answers with a problem.
        requireHostHeader: false,
      },
      clientErrorHandler: answerBrokenRequest,
      frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
        this.answer(request, reply, error),
    });
    this.admissions = new Admissions({
      maxRequests: settings.maxRequests,
      maxBodyBytes: BUDGET_BODIES * Math.max(settings.maxInflatedBytes, settings.maxBodyBytes),
    });
    const server = this.getInstance<FastifyInstance>();
    this.addHooks(server);
    this.readBodiesLazily(server);
    server.setErrorHandler((error, request, reply) => this.answer(request, reply, error));
    server.setNotFoundHandler((request, reply) => this.answerUnmatched(request, reply));
  }

  /** Told of every request that is over. One observer. */
  observeRequests(observer: RequestObserver): void {
    this.observer = observer;
  }

  /** Nest's own handlers are not wanted: what they would format is answered by the ones set above. */
  override setErrorHandler(): FastifyInstance {
    return this.instance;
  }

  override setNotFoundHandler(): FastifyInstance {
    return this.instance;
  }

  /** Bodies are read by `createBodyReader`. */
  override registerParserMiddleware(): void {
    return;
  }

  /** Requests on connections that are still open are refused from here on; those under way are finished. */
  override async close(): Promise<void> {
    this.draining.close();
    await super.close();
  }

  private addHooks(server: FastifyInstance): void {
    server.addHook('onRoute', ({ url, method }) => this.routes.add(url, [method].flat()));
    server.addHook('onRequest', (request, reply, done) => {
      this.unanswered.add(request);
      observeRequest(request, reply, (sample) => {
        this.unanswered.delete(request);
        this.observer(sample);
        logRequest(this.log, request, sample);
      });
      done(this.refusalOf(request));
    });
    server.addHook('onSend', (request, reply, payload, done) => {
      this.unanswered.delete(request);
      reply.header('Request-Id', request.id);
      reply.header('X-Content-Type-Options', 'nosniff');
      if (!reply.hasHeader('Cache-Control')) reply.header('Cache-Control', 'no-store');
      // A client that still waits for "100 Continue" may send its body or not: the connection is of no more use.
      const unclear = !request.raw.complete && expectsContinue(request.raw);
      if (this.draining.active || unclear) reply.header('Connection', 'close');
      done(null, payload);
    });
    server.addHook('onResponse', (request, _reply, done) => {
      if (!request.raw.complete) this.linger(request.raw);
      done();
    });
    server.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      server.server.emit('request', request, response);
    });
    server.server.on('checkExpectation', answerUnmetExpectation);
  }

  private refusalOf(request: FastifyRequest): AppError | undefined {
    if (this.draining.closed) {
      return new AppError(SERVER_BUSY, 'The server is shutting down.', { retryAfterMs: 1000 });
    }
    if (this.unanswered.size > this.settings.maxRequests && !PROBES.has(request.routeOptions.url)) {
      return new AppError(SERVER_BUSY, 'The server has too many requests under way now.', {
        retryAfterMs: 1000,
      });
    }
    if (request.raw.httpVersion === '1.1' && request.headers.host === undefined) {
      return new AppError(REQUEST_INVALID, 'The request has no Host header.');
    }
    return undefined;
  }

  private readBodiesLazily(server: FastifyInstance): void {
    const bodyOf = createBodyReader(this.settings, this.admissions, this.timeouts.bodyWindowMs);
    server.removeAllContentTypeParsers();
    // Fastify wants a parser for any body; the real one starts where the body is awaited.
    server.addContentTypeParser('*', (_request, _payload, done) => done(null));
    server.addHook('preHandler', (request, reply, done) => {
      request.body = bodyOf(request, reply);
      done();
    });
  }

  private answer(request: FastifyRequest, reply: FastifyReply, thrown: unknown): void {
    replyWithProblem(request, reply, thrown, this.log);
  }

  private answerUnmatched(request: FastifyRequest, reply: FastifyReply): void {
    const allowed = this.routes.methodsOf(pathOf(request.raw.url) ?? '');
    if (allowed.length > 0) reply.header('Allow', allowed.join(', '));
    replyWithRefusal(request, reply, clientRefusal(allowed.length > 0 ? 405 : 404, undefined), this.log);
  }

  /** Reads and drops the rest of a body that nobody wanted, for a while, then ends the connection. */
  private linger(raw: IncomingMessage): void {
    const timer = setTimeout(() => raw.socket.destroy(), this.timeouts.lingerMs).unref();
    raw
      .once('close', () => clearTimeout(timer))
      .once('end', () => clearTimeout(timer))
      .on('error', () => undefined);
    raw.resume();
  }
}

/** The adapter to give to `NestFactory.create`. */
export function createHttpAdapter(
  settings: HttpSettings,
  logger: Logger,
  timeouts: Partial<HttpTimeouts> = {},
): HttpAdapter {
  return new HttpAdapter(settings, logger, { ...TIMEOUTS, ...timeouts });
}
