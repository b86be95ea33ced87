import { hasMethods, memberOf } from '../../core/primitives/foreign-objects.js';
import type { DriverState, RedisDriver } from './redis-driver.js';

interface NodeRedis {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  connect(): Promise<unknown>;
  destroy(): void;
  duplicate(): NodeRedis;
  on(event: string, listener: (argument?: unknown) => void): unknown;
  off(event: string, listener: (argument?: unknown) => void): unknown;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
}

/** The options of a command as far as they are used here, which take the place of those of the client. */
interface CommandOptions {
  readonly typeMapping: object;
}

interface NodeRedisClient extends NodeRedis {
  sendCommand(args: readonly string[], options: CommandOptions): Promise<unknown>;
}

interface NodeRedisCluster extends NodeRedis {
  readonly slots: unknown;
  sendCommand(key: string, isReadonly: boolean, args: readonly string[], options: CommandOptions): Promise<unknown>;
}

/** The owner of the client may have chosen that it answers with buffers, for example. */
const PLAIN_ANSWERS: CommandOptions = { typeMapping: {} };

const FUNCTIONS = ['sendCommand', 'connect', 'destroy', 'duplicate', 'on', 'off', 'subscribe'];

/** Drives a client of `redis` or `@redis/client`: of one server or of a cluster. */
export class NodeRedisDriver implements RedisDriver {
  readonly connected: string;
  readonly resumed: readonly string[];
  readonly #client: NodeRedisClient | NodeRedisCluster;
  #wasOpen: boolean;
  #opening: Promise<unknown> | undefined;

  constructor(client: NodeRedisClient | NodeRedisCluster) {
    this.#client = client;
    this.#wasOpen = client.isOpen;
    const isCluster = 'slots' in client;
    this.connected = isCluster ? 'connect' : 'ready';
    this.resumed = [isCluster ? 'node-ready' : 'ready'];
  }

  /**
   * Returns whether an object is a supported client. Pools and sentinel clients are not: they have no `subscribe`, or
   * another way to send commands.
   */
  static isClient(client: object): client is NodeRedisClient | NodeRedisCluster {
    const hasStates = ['isOpen', 'isReady'].every((name) => typeof memberOf(client, name) === 'boolean');
    return hasStates && memberOf(client, 'acquire') === undefined && hasMethods(client, ...FUNCTIONS);
  }

  get state(): DriverState {
    const { isOpen, isReady } = this.#client;
    if (isOpen) this.#wasOpen = true;
    if (isOpen) return isReady ? 'ready' : 'connecting';
    return this.#wasOpen ? 'closed' : 'unopened';
  }

  send(args: readonly string[], key: string): Promise<unknown> {
    const client = this.#client;
    if ('slots' in client) return client.sendCommand(key, false, args, PLAIN_ANSWERS);
    return client.sendCommand(args, PLAIN_ANSWERS);
  }

  open(): Promise<unknown> {
    this.#wasOpen = true;
    this.#opening = this.#client.connect().catch((error: unknown) => {
      this.#wasOpen = this.#client.isOpen;
      throw error;
    });
    return this.#opening;
  }

  close(): void {
    const { isReady } = this.#client;
    this.#client.destroy();
    // A client that is destroyed while it connects still completes the connection, so that it is destroyed again then.
    if (!isReady) this.#opening?.then(() => this.#client.destroy()).catch(() => undefined);
  }

  on(event: string, listener: (argument?: unknown) => void): void {
    this.#client.on(event, listener);
  }

  off(event: string, listener: (argument?: unknown) => void): void {
    this.#client.off(event, listener);
  }

  duplicate(): RedisDriver {
    return new NodeRedisDriver(this.#client.duplicate() as NodeRedisClient | NodeRedisCluster);
  }

  subscribe(channel: string, listener: (message: string) => void): Promise<unknown> {
    return this.#client.subscribe(channel, listener);
  }
}
