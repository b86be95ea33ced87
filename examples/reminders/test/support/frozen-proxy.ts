import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Connects to Redis; its connections can fall silent without being closed, as when a host vanishes. New ones work. */
export class FrozenProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(redisUrl: string): Promise<FrozenProxy> {
    const { port, hostname } = new URL(redisUrl);
    const server = createServer();
    const proxy = new FrozenProxy(server);
    server.on('connection', (client) => {
      const redis = connect(Number(port), hostname);
      client.pipe(redis);
      redis.pipe(client);
      for (const socket of [client, redis]) {
        proxy.#sockets.add(socket);
        socket.on('error', () => {});
        socket.once('close', () => [client, redis].map((each) => each.destroy()));
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  freeze(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
