import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, constants, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

const STARTS_WITHIN_MS = 20_000;
const DEBIAN_POSTGRES = '/usr/lib/postgresql';

/** A server on a free port of this machine, with its files in a temporary directory. */
export interface LocalServer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts Redis.
 *
 * @returns the server; `undefined` if there is no `redis-server`.
 */
export async function startRedis(): Promise<LocalServer | undefined> {
  const program = findProgram('redis-server') ?? findProgram('valkey-server');
  if (program === undefined) return undefined;
  const directory = await mkdtemp(join(tmpdir(), 'fleet-redis-'));
  const port = await sparePort();
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--save', ''];
  const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  await says(server, server.stdout, 'Ready to accept connections');
  return { url: `redis://127.0.0.1:${port}`, stop: () => stop(server, 'SIGTERM', directory) };
}

/**
 * Starts PostgreSQL.
 *
 * @returns the server; `undefined` without PostgreSQL, or without a user other than root to run it as.
 */
export async function startPostgres(): Promise<LocalServer | undefined> {
  const [postgres, initdb] = [findProgram('postgres'), findProgram('initdb')];
  const identity = postgresIdentity();
  if (postgres === undefined || initdb === undefined || identity === undefined) return undefined;
  const directory = await mkdtemp(join(tmpdir(), 'fleet-postgres-'));
  if (identity.uid !== undefined) chownSync(directory, identity.uid, identity.gid ?? identity.uid);
  const password = join(directory, 'password');
  writeFileSync(password, 'of-the-demo', { mode: 0o644 });
  const data = join(directory, 'data');
  const access = ['--auth=scram-sha-256', '--username=demo', `--pwfile=${password}`];
  const created = spawn(initdb, ['-D', data, '--no-sync', ...access], { ...identity, cwd: directory, stdio: 'ignore' });
  await once(created, 'exit');
  const port = await sparePort();
  const args = ['-D', data, '-p', `${port}`, '-k', directory, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'];
  const server = spawn(postgres, args, { ...identity, cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
  await says(server, server.stderr, 'ready to accept connections');
  const url = `postgres://demo:of-the-demo@127.0.0.1:${port}/postgres`;
  return { url, stop: () => stop(server, 'SIGINT', directory) };
}

/** Returns the user to run PostgreSQL as, because it refuses to run as root. */
function postgresIdentity(): { readonly uid?: number; readonly gid?: number } | undefined {
  if (process.getuid?.() !== 0) return {};
  try {
    const idOf = (option: string): number => Number(execFileSync('id', [option, 'postgres'], { stdio: 'pipe' }));
    return { uid: idOf('-u'), gid: idOf('-g') };
  } catch {
    return undefined;
  }
}

async function stop(server: ChildProcess, signal: NodeJS.Signals, directory: string): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  }
  await rm(directory, { recursive: true, force: true });
}

async function says(server: ChildProcess, output: NodeJS.ReadableStream, expected: string): Promise<void> {
  const killAtExit = (): void => void server.kill('SIGKILL');
  process.once('exit', killAtExit);
  server.once('exit', () => process.off('exit', killAtExit));
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${server.spawnfile} has not started in time`)), STARTS_WITHIN_MS);
    server.once('exit', () => reject(new Error(`${server.spawnfile} has ended instead of starting`)));
    // The output is read to its end, so that the server never blocks on a full pipe.
    createInterface(output).on('line', (line) => {
      if (!line.includes(expected)) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

async function sparePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}

function findProgram(name: string): string | undefined {
  const places = [...debianDirectories(), ...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return places.map((place) => join(place, name)).find(isExecutable);
}

/** Returns the directories of PostgreSQL on Debian, which are not in the PATH; the latest version comes first. */
function debianDirectories(): string[] {
  try {
    const versions = readdirSync(DEBIAN_POSTGRES).sort((left, right) => Number(right) - Number(left));
    return versions.map((version) => join(DEBIAN_POSTGRES, version, 'bin'));
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
