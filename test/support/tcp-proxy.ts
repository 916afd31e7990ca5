import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * Stands between a client and a server, so that a test can take the server away.
 * States: open (passes on), cut (refuses connections, ends those there are), stalled (accepts and says nothing).
 */
export class TcpProxy {
  readonly port: number;
  private readonly sockets = new Set<Socket>();
  private stalled = false;

  private constructor(
    private server: Server,
    private readonly target: { readonly host: string; readonly port: number },
  ) {
    this.port = (server.address() as AddressInfo).port;
    this.take(server);
  }

  static async start(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
    return new TcpProxy(await listening(0), target);
  }

  async cut(): Promise<void> {
    await this.close();
  }

  stall(): void {
    this.stalled = true;
    for (const socket of this.sockets) socket.unpipe().pause();
  }

  /** Back to open. Connections from before are ended, as they would be by a server that starts again. */
  async mend(): Promise<void> {
    if (this.server.listening) await this.close();
    this.stalled = false;
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

  private take(server: Server): void {
    server.on('connection', (client) => {
      this.track(client);
      if (this.stalled) return;
      const upstream = connect(this.target.port, this.target.host);
      this.track(upstream);
      client.pipe(upstream).pipe(client);
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

async function listening(port: number): Promise<Server> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
