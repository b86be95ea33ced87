import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasMariadb, startMariadb } from '../servers/mariadb-server.js';
import { hasPostgres, startPostgres } from '../servers/postgres-server.js';
import { hasRedis, startRedis } from '../servers/redis-server.js';

/** A server, or a place on the disk, that stores of servers are in. */
export interface StorePlace extends AsyncDisposable {
  /** Returns the value of `--store` for a store of its own. */
  url(name: string): string;
  /** Returns such a URL with another password; `undefined` where there is none. */
  withPassword(password: string): string | undefined;
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Leaves connections open and answers nothing. */
  pause(): void;
  resume(): void;
}

interface StoreKind {
  readonly name: string;
  readonly isHere: () => boolean;
  /** Whether it is a server, which can be unavailable. */
  readonly isServer: boolean;
  readonly isWithServers?: boolean;
  start(): Promise<StorePlace>;
}

/** The password in every URL; nothing may show it. */
const PASSWORD = 'CANARY@pass/word#1';

/** The stores that `serve` knows and that this machine has, for `describe.each`. */
export const SERVE_STORES: readonly StoreKind[] = [
  { name: 'a directory', isHere: () => true, isServer: false, start: () => onDisk((path) => path) },
  {
    name: 'SQLite',
    isHere: () => true,
    isServer: false,
    isWithServers: true,
    start: () => onDisk((path) => `sqlite:${path}.db`),
  },
  { name: 'Redis', isHere: hasRedis, isServer: true, start: redisPlace },
  { name: 'PostgreSQL', isHere: hasPostgres, isServer: true, start: postgresPlace },
  { name: 'MariaDB', isHere: hasMariadb, isServer: true, start: mariadbPlace },
];

async function onDisk(urlOf: (path: string) => string): Promise<StorePlace> {
  const directory = await mkdtemp(join(tmpdir(), 'serve-stores-'));
  const never = (): never => {
    throw new Error('a disk is no server');
  };
  return {
    url: (name) => urlOf(join(directory, name)),
    withPassword: () => undefined,
    kill: never,
    restart: never,
    pause: never,
    resume: never,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

async function redisPlace(): Promise<StorePlace> {
  const server = await startRedis({ appendOnly: true, args: ['--requirepass', PASSWORD] });
  const urlOf = (password: string): string => `redis://:${encodeURIComponent(password)}@127.0.0.1:${server.port}`;
  return {
    ...controlsOf(server),
    url: (name) => `${urlOf(PASSWORD)}?prefix=${name}`,
    withPassword: urlOf,
  };
}

async function postgresPlace(): Promise<StorePlace> {
  const server = await startPostgres();
  const { user, password, port, database } = server.connection;
  const urlOf = (given: string): string =>
    `postgres://${user}:${encodeURIComponent(given)}@127.0.0.1:${port}/${database}`;
  return {
    ...controlsOf(server),
    url: (name) => `${urlOf(password)}?table=${name}`,
    withPassword: urlOf,
  };
}

async function mariadbPlace(): Promise<StorePlace> {
  const server = await startMariadb();
  const { user, port, database } = server.connection;
  await server.asRoot(`alter user ${user} identified by '${PASSWORD}'`);
  const urlOf = (given: string): string => `mysql://${user}:${encodeURIComponent(given)}@127.0.0.1:${port}/${database}`;
  return {
    ...controlsOf(server),
    url: (name) => `${urlOf(PASSWORD)}?table=${name}`,
    withPassword: urlOf,
  };
}

type Controls = Omit<StorePlace, 'url' | 'withPassword'>;

function controlsOf(server: Controls): Controls {
  return {
    kill: () => server.kill(),
    restart: () => server.restart(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
