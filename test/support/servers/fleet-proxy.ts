import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Connects a port to another one, and after a switch to a third: it stands for the network of a server that fails over. */
export class FleetProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: number;

  private constructor(server: Server, port: number, target: number) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    server.on('connection', (socket) => this.#pass(socket));
  }

  static async start(target: number): Promise<FleetProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the system gave no port');
    return new FleetProxy(server, address.port, target);
  }

  /** Cuts all connections, and connects later ones to this port. */
  switchTo(target: number): void {
    this.#target = target;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Passes nothing on over the connections that exist, as a firewall that has dropped them. Later ones work. */
  silence(): void {
    for (const socket of this.#sockets) socket.unpipe().resume();
  }

  #pass(socket: Socket): void {
    const onward = connect(this.#target, '127.0.0.1');
    const ends: readonly (readonly [Socket, Socket])[] = [
      [socket, onward],
      [onward, socket],
    ];
    for (const [end, other] of ends) {
      this.#sockets.add(end);
      end.on('error', () => undefined);
      end.once('close', () => {
        this.#sockets.delete(end);
        other.destroy();
      });
      end.pipe(other);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
