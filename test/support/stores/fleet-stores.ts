import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasMariadb, type MariadbConnection, startMariadb } from '../servers/mariadb-server.js';
import { hasPostgres, type PostgresConnection, startPostgres } from '../servers/postgres-server.js';
import { hasRedis, startRedis } from '../servers/redis-server.js';

/** A store as one process describes it to another. */
export type StoreDescription =
  | { readonly kind: 'file'; readonly directory: string }
  | {
      readonly kind: 'redis';
      readonly port: number;
      readonly prefix: string;
      /** The kind of client. Default: `redis`. */
      readonly client?: 'redis' | 'ioredis' | 'iovalkey';
    }
  | { readonly kind: 'postgres'; readonly connection: PostgresConnection; readonly table: string }
  | { readonly kind: 'mariadb'; readonly connection: MariadbConnection; readonly table: string }
  | { readonly kind: 'sqlite'; readonly path: string; readonly table: string };

/** A place with stores that are empty and independent of one another. */
export interface StorePlace extends AsyncDisposable {
  empty(): StoreDescription;
}

export interface FleetStore {
  readonly name: StoreDescription['kind'];
  readonly isHere: () => boolean;
  readonly isServer: boolean;
  readonly isWithServers?: boolean;
  start(): Promise<StorePlace>;
}

/** The stores that a fleet can share: each test of fleets runs on all of these lines. */
export const FLEET_STORES: readonly FleetStore[] = [
  {
    name: 'file',
    isHere: () => true,
    isServer: false,
    start: () => inDirectory((path) => ({ kind: 'file', directory: path })),
  },
  { name: 'redis', isHere: hasRedis, isServer: true, start: redisPlace },
  { name: 'postgres', isHere: hasPostgres, isServer: true, start: postgresPlace },
  { name: 'mariadb', isHere: hasMariadb, isServer: true, start: mariadbPlace },
  {
    name: 'sqlite',
    isHere: () => true,
    isServer: false,
    isWithServers: true,
    start: () => inDirectory((path) => ({ kind: 'sqlite', path, table: 'tokens' })),
  },
];

let lastNumber = 0;

/** Returns a name that has not been used. */
function newName(): string {
  lastNumber += 1;
  return `fleet_${lastNumber}`;
}

async function inDirectory(describe: (path: string) => StoreDescription): Promise<StorePlace> {
  const directory = await mkdtemp(join(tmpdir(), 'wechat-fleet-'));
  return {
    empty: () => describe(join(directory, newName())),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true, maxRetries: 5 }),
  };
}

async function redisPlace(): Promise<StorePlace> {
  const server = await startRedis();
  return {
    empty: () => ({ kind: 'redis', port: server.port, prefix: newName() }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function postgresPlace(): Promise<StorePlace> {
  const server = await startPostgres();
  return {
    empty: () => ({ kind: 'postgres', connection: server.connection, table: newName() }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function mariadbPlace(): Promise<StorePlace> {
  const server = await startMariadb();
  return {
    empty: () => ({ kind: 'mariadb', connection: server.connection, table: newName() }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
