import { hasMethods, memberOf } from '../../core/primitives/foreign-objects.js';
import type { DriverState, RedisDriver } from './redis-driver.js';

interface IoRedis {
  readonly status: string;
  readonly isCluster: boolean;
  call(command: string, args: readonly string[]): Promise<unknown>;
  connect(): Promise<unknown>;
  disconnect(): void;
  duplicate(...overrides: unknown[]): IoRedis;
  on(event: string, listener: (...args: string[]) => void): unknown;
  off(event: string, listener: (...args: string[]) => void): unknown;
  subscribe(channel: string): Promise<unknown>;
}

const FUNCTIONS = ['call', 'connect', 'disconnect', 'duplicate', 'on', 'off', 'subscribe'];

const STATES: Readonly<Record<string, DriverState>> = {
  wait: 'unopened',
  connecting: 'connecting',
  connect: 'connecting',
  ready: 'ready',
  end: 'closed',
};

/** Drives a client of `ioredis` or `iovalkey`: of one server, which may be found through sentinels, or of a cluster. */
export class IoRedisDriver implements RedisDriver {
  readonly connected = 'ready';
  readonly resumed: readonly string[];
  readonly #client: IoRedis;
  #listener: ((message: string) => void) | undefined;

  constructor(client: IoRedis) {
    this.#client = client;
    this.resumed = client.isCluster ? ['ready', '+subscriber'] : ['ready'];
  }

  static isClient(client: object): client is IoRedis {
    return typeof memberOf(client, 'status') === 'string' && hasMethods(client, ...FUNCTIONS);
  }

  get state(): DriverState {
    return STATES[this.#client.status] ?? 'away';
  }

  send(args: readonly string[]): Promise<unknown> {
    const [command = '', ...rest] = args;
    return this.#client.call(command, rest);
  }

  open(): Promise<unknown> {
    return this.#client.connect();
  }

  close(): void {
    this.#client.disconnect();
  }

  on(event: string, listener: (argument?: unknown) => void): void {
    this.#client.on(event, listener);
  }

  off(event: string, listener: (argument?: unknown) => void): void {
    this.#client.off(event, listener);
  }

  duplicate(): RedisDriver {
    const options = { lazyConnect: true };
    return new IoRedisDriver(
      this.#client.isCluster ? this.#client.duplicate([], options) : this.#client.duplicate(options),
    );
  }

  subscribe(channel: string, listener: (message: string) => void): Promise<unknown> {
    if (this.#listener === undefined) {
      this.#client.on('message', (from, message = '') => {
        if (from === channel) this.#listener?.(message);
      });
    }
    this.#listener = listener;
    return this.#client.subscribe(channel);
  }
}
