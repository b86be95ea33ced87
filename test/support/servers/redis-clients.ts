import { Redis as IoRedis, Cluster as IoRedisCluster } from 'ioredis';
import { Redis as IoValkey, Cluster as IoValkeyCluster } from 'iovalkey';
import { createClient, createCluster } from 'redis';
import type { RedisClient } from '../../../src/stores/redis/index.js';

/** A client of any kind, as tests use it. */
export interface TestClient {
  readonly client: RedisClient;
  command(...args: string[]): Promise<unknown>;
  /** Closes the client as its owner does. */
  close(): Promise<void>;
  listeners(): number;
}

export interface ClientOptions {
  readonly password?: string;
  readonly reconnectAfterMs?: number;
}

export type OpenClient = (port: number, options?: ClientOptions) => TestClient;

const EVENTS = ['error', 'ready', 'end', 'message'];
const RECONNECT_MS = 50;

const openNodeRedis: OpenClient = (port, { password, reconnectAfterMs = RECONNECT_MS } = {}) => {
  const client = createClient({
    socket: { host: '127.0.0.1', port, reconnectStrategy: () => reconnectAfterMs },
    ...(password === undefined ? {} : { password }),
  });
  return {
    client,
    command: (...args) => client.sendCommand(args),
    close: async () => client.destroy(),
    listeners: () => EVENTS.reduce((sum, event) => sum + client.listenerCount(event), 0),
  };
};

interface IoOptions {
  readonly host: string;
  readonly port: number;
  readonly lazyConnect: boolean;
  readonly retryStrategy: () => number;
  readonly password?: string;
}

function openIo(create: (options: IoOptions) => IoRedis | IoValkey): OpenClient {
  return (port, { password, reconnectAfterMs = RECONNECT_MS } = {}) => {
    const client = create({
      host: '127.0.0.1',
      port,
      lazyConnect: true,
      retryStrategy: () => reconnectAfterMs,
      ...(password === undefined ? {} : { password }),
    });
    return {
      client,
      command: (command = '', ...args) => client.call(command, args),
      close: async () => client.disconnect(),
      listeners: () => EVENTS.reduce((sum, event) => sum + client.listenerCount(event), 0),
    };
  };
}

/** The kinds of clients; each opens one that is not connected yet. */
export const CLIENTS: readonly (readonly [string, OpenClient])[] = [
  ['redis', openNodeRedis],
  ['ioredis', openIo((options) => new IoRedis(options))],
  ['iovalkey', openIo((options) => new IoValkey(options))],
];

/** The kinds of clients of a cluster that has a node on this port; they are not connected yet. */
export const CLUSTER_CLIENTS: readonly (readonly [string, (port: number) => RedisClient])[] = [
  ['redis', (port) => createCluster({ rootNodes: [{ socket: { host: '127.0.0.1', port } }] })],
  ['ioredis', (port) => new IoRedisCluster([{ host: '127.0.0.1', port }], { lazyConnect: true })],
  ['iovalkey', (port) => new IoValkeyCluster([{ host: '127.0.0.1', port }], { lazyConnect: true })],
];
