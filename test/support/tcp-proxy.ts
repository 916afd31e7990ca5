import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Transform, type TransformCallback } from 'node:stream';

/** Where a connection is cut: the bytes that the client sends, and whether the server still gets them. */
export interface CutPoint {
  readonly sent: string;
  /** `before`: the server never sees them. `after`: it does, and its answer is lost. */
  readonly when: 'before' | 'after';
}

interface Trap {
  /** Answers the length of `chunk` that still passes, or undefined where the trap does not close. */
  readonly closes: (chunk: Buffer, connection: Connection) => number | undefined;
  readonly losesAnswer: boolean;
  readonly closed: () => void;
}

/**
 * Stands between a client and a server, so that a test can take the server away.
 * States: open (passes on), slow (passes on late), cut (refuses connections, ends those there are), stalled (accepts and
 * says nothing).
 */
export class TcpProxy {
  readonly port: number;
  private readonly sockets = new Set<Socket>();
  private readonly target: { readonly host: string; readonly port: number };
  private server: Server;
  private stalled = false;
  private delayMs = 0;
  private trap: Trap | undefined;

  private constructor(server: Server, target: { readonly host: string; readonly port: number }) {
    this.server = server;
    this.target = target;
    this.port = (server.address() as AddressInfo).port;
    this.take(server);
  }

  static async start(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
    return new TcpProxy(await listening(0), target);
  }

  async cut(): Promise<void> {
    await this.close();
  }

  /** Ends the connections there are; new ones pass. */
  drop(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Every piece of up to 64 KiB is late by so much, in both directions, and the next waits for it. */
  slow(delayMs: number): void {
    this.delayMs = delayMs;
  }

  stall(): void {
    this.stalled = true;
    for (const socket of this.sockets) socket.unpipe().pause();
  }

  /**
   * Back to open. Connections from before are ended, as they would be by a server that starts again; where nothing was
   * taken away they stay.
   */
  async mend(): Promise<void> {
    if (this.server.listening) {
      if (!this.stalled && this.trap === undefined) return;
      await this.close();
    }
    this.stalled = false;
    this.delayMs = 0;
    this.trap = undefined;
    this.server = await listening(this.port);
    this.take(this.server);
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Cuts the one connection that next sends the given bytes, in one piece. Resolves when that has happened. */
  cutAt({ sent, when }: CutPoint): Promise<void> {
    return this.setTrap(when === 'after', (chunk) => {
      if (!chunk.includes(sent)) return undefined;
      return when === 'after' ? chunk.length : 0;
    });
  }

  /** Cuts the next HTTP upload whose path ends as given in the middle of its body. Resolves when that has happened. */
  cutUpload(pathEnd: string): Promise<void> {
    return this.setTrap(false, (chunk, connection) => {
      if (connection.bodyLeft === undefined) {
        const text = chunk.toString('latin1');
        const headEnd = text.indexOf('\r\n\r\n');
        const [, path] = /^PUT (\S+) HTTP/.exec(text) ?? [];
        const length = Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? 0);
        if (headEnd < 0 || path?.split('?')[0]?.endsWith(pathEnd) !== true || length < 2) return undefined;
        connection.bodyLeft = headEnd + 4 + Math.floor(length / 2);
      }
      if (chunk.length < connection.bodyLeft) {
        connection.bodyLeft -= chunk.length;
        return undefined;
      }
      return connection.bodyLeft;
    });
  }

  private setTrap(losesAnswer: boolean, closes: Trap['closes']): Promise<void> {
    return new Promise((resolve) => {
      this.trap = { closes, losesAnswer, closed: resolve };
    });
  }

  private take(server: Server): void {
    server.on('connection', (client) => {
      this.track(client);
      if (this.stalled) return;
      const upstream = connect(this.target.port, this.target.host);
      this.track(upstream);
      const connection = new Connection(
        client,
        upstream,
        () => this.trap,
        () => this.delayMs,
      );
      connection.onTrapped = () => (this.trap = undefined);
      client.once('close', () => upstream.destroy());
      upstream.once('close', () => client.destroy());
    });
  }

  private track(socket: Socket): void {
    this.sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.sockets.delete(socket));
  }
}

/** A client's connection and the one to the server that belongs to it. */
class Connection {
  /** Of an upload that is to be cut. */
  bodyLeft: number | undefined;
  onTrapped: () => void = () => undefined;
  private readonly client: Socket;
  private losing: Trap | undefined;

  constructor(client: Socket, upstream: Socket, trap: () => Trap | undefined, delayMs: () => number) {
    this.client = client;
    const forth = new Tap(delayMs, (chunk) => {
      const armed = trap();
      const passes = armed?.closes(chunk, this);
      if (armed === undefined || passes === undefined) return chunk;
      this.onTrapped();
      if (armed.losesAnswer) this.losing = armed;
      else upstream.write(chunk.subarray(0, passes), () => this.end(armed));
      return armed.losesAnswer ? chunk : undefined;
    });
    const back = new Tap(delayMs, (chunk) => {
      if (this.losing === undefined) return chunk;
      this.end(this.losing);
      return undefined;
    });
    client.pipe(forth).pipe(upstream).pipe(back).pipe(client);
  }

  private end(trap: Trap): void {
    this.client.destroy();
    trap.closed();
  }
}

/** Passes on what `look` answers; undefined passes nothing. */
class Tap extends Transform {
  private readonly delayMs: () => number;
  private readonly look: (chunk: Buffer) => Buffer | undefined;

  constructor(delayMs: () => number, look: (chunk: Buffer) => Buffer | undefined) {
    super();
    this.delayMs = delayMs;
    this.look = look;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const delayMs = this.delayMs();
    if (delayMs === 0) done(null, this.look(chunk));
    else setTimeout(() => done(null, this.look(chunk)), delayMs);
  }
}

async function listening(port: number): Promise<Server> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
