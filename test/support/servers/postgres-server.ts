import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { chown, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type ServerControls, sparePort, startControlled } from './server-controls.js';
import { programForTests } from './server-programs.js';

const DEBIAN_DIRECTORIES = directoriesOf('/usr/lib/postgresql');
const findPostgres = (): string | undefined =>
  programForTests(['postgres'], 'the Debian package postgresql', DEBIAN_DIRECTORIES);
const findInitdb = (): string | undefined =>
  programForTests(['initdb'], 'the Debian package postgresql', DEBIAN_DIRECTORIES);
const STARTS_WITHIN_MS = 20_000;
const POLL_MS = 20;
const USER = 'postgres';

/** Returns whether tests with a PostgreSQL server can run on this machine. */
export const hasPostgres = (): boolean => findPostgres() !== undefined && findInitdb() !== undefined;

export interface PostgresConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** A PostgreSQL server of its own on a spare port of the loopback interface, with its files in a temporary directory. */
export interface PostgresServer extends ServerControls {
  readonly connection: PostgresConnection;
}

export async function startPostgres(): Promise<PostgresServer> {
  const program = findPostgres();
  const installer = findInitdb();
  if (program === undefined || installer === undefined) throw new Error('postgres is missing');
  const identity = await serverIdentity();
  const directory = await mkdtemp(join(tmpdir(), 'postgres-server-'));
  if (identity.uid !== undefined) await chown(directory, identity.uid, identity.gid ?? identity.uid);
  const data = join(directory, 'data');
  const spawning = { ...identity, cwd: directory, stdio: 'ignore' } as const;
  const port = await sparePort();
  const connection = { host: '127.0.0.1', port, user: USER, password: 'postgres-password', database: 'postgres' };
  const passwordFile = join(directory, 'password');
  await writeFile(passwordFile, connection.password, { mode: 0o644 });
  // The collation is that of a language, so that a table shows whether it has one of its own.
  const language = ['--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US'];
  const access = ['--auth=scram-sha-256', `--pwfile=${passwordFile}`, `--username=${USER}`];
  const initdb = spawn(installer, ['-D', data, '--no-sync', '--no-instructions', ...language, ...access], spawning);
  const [code] = await once(initdb, 'exit');
  if (code !== 0) throw new Error(`initdb ended with code ${code}`);

  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const args = [
      '-D',
      data,
      '-p',
      String(port),
      '-k',
      directory,
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'max_connections=300',
    ];
    const givenUpAt = performance.now() + STARTS_WITHIN_MS;
    while (performance.now() < givenUpAt) {
      // A killed server leaves backends, which end by themselves; until then it does not start.
      const isRunning = server !== undefined && server.exitCode === null && server.signalCode === null;
      if (!isRunning) server = spawn(program, args, spawning);
      if (await answers(connection)) return;
      await delay(POLL_MS);
    }
    throw new Error(`postgres did not answer within ${STARTS_WITHIN_MS} ms`);
  };
  const controls = await startControlled({
    directory,
    stopSignal: 'SIGINT',
    start,
    process: () => server,
    signalAll: ({ pid }, signal) => {
      if (pid !== undefined) for (const one of [pid, ...childrenOf(pid)]) kill(one, signal);
    },
  });
  return { ...controls, connection };
}

/** Returns the user to run the server as, since it refuses to be root. */
async function serverIdentity(): Promise<{ readonly uid?: number; readonly gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const idOf = (option: string): number => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

async function answers(connection: PostgresConnection): Promise<boolean> {
  const client = new pg.Client(connection);
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function childrenOf(pid: number): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return rows.flatMap(([child = 0, parent]) => (parent === pid ? [child] : []));
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** Returns the directories of programs of the installed versions, the latest first. */
function directoriesOf(root: string): string[] {
  try {
    const versions = readdirSync(root).sort((left, right) => Number(right) - Number(left));
    return versions.map((version) => join(root, version, 'bin'));
  } catch {
    return [];
  }
}
