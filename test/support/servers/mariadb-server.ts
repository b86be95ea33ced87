import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import { type ServerControls, sparePort, startControlled } from './server-controls.js';
import { programForTests } from './server-programs.js';

const findServer = (): string | undefined => programForTests(['mariadbd'], 'the Debian package mariadb-server');
const findInstaller = (): string | undefined =>
  programForTests(['mariadb-install-db'], 'the Debian package mariadb-server');
const STARTS_WITHIN_MS = 20_000;
const POLL_MS = 20;

/** Returns whether tests with a MariaDB server can run on this machine. */
export const hasMariadb = (): boolean => findServer() !== undefined && findInstaller() !== undefined;

export interface MariadbConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** A MariaDB server of its own on a spare port of the loopback interface, with its files in a temporary directory. */
export interface MariadbServer extends ServerControls {
  readonly connection: MariadbConnection;
  /** Runs a statement as root, who may do anything. */
  asRoot(statement: string): Promise<void>;
}

/**
 * Starts a MariaDB server.
 *
 * @param args - more arguments of `mariadbd`.
 */
export async function startMariadb(args: readonly string[] = []): Promise<MariadbServer> {
  const program = findServer();
  const installer = findInstaller();
  if (program === undefined || installer === undefined) throw new Error('mariadbd is missing');
  const directory = await mkdtemp(join(tmpdir(), 'mariadb-server-'));
  const socketPath = join(directory, 'socket');
  const settings = ['--no-defaults', `--datadir=${join(directory, 'data')}`];
  if (process.getuid?.() === 0) settings.push('--user=root');
  const install = spawn(installer, [...settings, '--auth-root-authentication-method=normal', '--skip-test-db'], {
    stdio: 'ignore',
  });
  const [code] = await once(install, 'exit');
  if (code !== 0) throw new Error(`mariadb-install-db ended with code ${code}`);

  const port = await sparePort();
  const connection = { host: '127.0.0.1', port, user: 'tokens', password: 'mariadb-password', database: 'tokens' };
  const network = [`--port=${port}`, '--bind-address=127.0.0.1', `--socket=${socketPath}`, '--skip-name-resolve'];
  const size = ['--innodb-buffer-pool-size=32M', '--innodb-log-file-size=32M', '--max-connections=1000'];
  let server: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    const started = spawn(program, [...settings, ...network, ...size, ...args], { stdio: 'ignore' });
    server = started;
    const givenUpAt = performance.now() + STARTS_WITHIN_MS;
    while (performance.now() < givenUpAt) {
      if (started.exitCode !== null) throw new Error(`mariadbd ended with code ${started.exitCode}`);
      if (await asRoot('select 1').then(...settled)) return;
      await delay(POLL_MS);
    }
    throw new Error(`mariadbd did not answer within ${STARTS_WITHIN_MS} ms`);
  };
  const asRoot = async (statement: string): Promise<void> => {
    const root = await mysql.createConnection({ socketPath, user: 'root' });
    try {
      await root.query(statement);
    } finally {
      await root.end();
    }
  };
  const controls = await startControlled({ directory, stopSignal: 'SIGTERM', start, process: () => server });
  await asRoot(`create database ${connection.database}`);
  await asRoot(`create user ${connection.user} identified by '${connection.password}'`);
  await asRoot(`grant all on ${connection.database}.* to ${connection.user}`);
  return { ...controls, connection, asRoot };
}

const settled = [() => true, () => false] as const;
