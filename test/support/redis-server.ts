import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { programForTests } from './server-programs.js';

const PROGRAM = programForTests(['redis-server', 'valkey-server'], 'redis-server');
const STARTS_WITHIN_MS = 10_000;
const POLL_MS = 20;

/** Whether tests with a Redis server can run on this machine. */
export const hasRedis: boolean = PROGRAM !== undefined;

export interface RedisServerOptions {
  /** Whether what was written is there after a restart. */
  readonly appendOnly?: boolean;
  /** Whether it is a cluster of one node, which has all slots. */
  readonly cluster?: boolean;
  /** More arguments of `redis-server`, such as `--requirepass`, `secret`. */
  readonly args?: readonly string[];
}

/** A Redis server of its own on a spare port of the loopback interface, with its files in a temporary directory. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Stops it with SIGSTOP: connections stay and nothing is answered. */
  pause(): void;
  resume(): void;
  /** Starts it again, on the same port and files. */
  restart(): Promise<void>;
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  if (PROGRAM === undefined) throw new Error('redis-server is missing');
  const program = PROGRAM;
  const directory = await mkdtemp(join(tmpdir(), 'redis-server-'));
  const port = await sparePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''];
  const persistence = ['--appendonly', options.appendOnly === true ? 'yes' : 'no', '--appendfsync', 'always'];
  const cluster = options.cluster === true ? await clusterSettings() : [];
  let server: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    server = spawn(program, [...settings, ...persistence, ...cluster, ...(options.args ?? [])], { stdio: 'ignore' });
    await untilItAnswers(server, port, 'PING', /^(?!-LOADING)/);
    if (options.cluster !== true) return;
    await ask(port, 'CLUSTER ADDSLOTSRANGE 0 16383');
    await untilItAnswers(server, port, 'CLUSTER INFO', /cluster_state:ok/);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ended = server;
    server = undefined;
    if (ended === undefined || ended.exitCode !== null || ended.signalCode !== null) return;
    const exited = once(ended, 'exit');
    ended.kill(signal);
    // A paused one takes other signals only when it goes on.
    ended.kill('SIGCONT');
    await exited;
  };

  const killAtExit = (): void => void server?.kill('SIGKILL');
  process.once('exit', killAtExit);
  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    pause: () => void server?.kill('SIGSTOP'),
    resume: () => void server?.kill('SIGCONT'),
    restart: async () => {
      await end('SIGTERM');
      await start();
    },
    [Symbol.asyncDispose]: async () => {
      await end('SIGKILL');
      process.off('exit', killAtExit);
      await rm(directory, { recursive: true, force: true });
    },
  };
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

/** The port between the nodes would else be one that may not exist. */
async function clusterSettings(): Promise<string[]> {
  return [
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
    '--cluster-port',
    String(await sparePort()),
  ];
}

/** Any answer to PING counts, also that a password is wanted; not that it is still loading its files. */
async function untilItAnswers(server: ChildProcess, port: number, command: string, expected: RegExp): Promise<void> {
  const givenUpAt = performance.now() + STARTS_WITHIN_MS;
  while (performance.now() < givenUpAt) {
    if (server.exitCode !== null) throw new Error(`redis-server ended with code ${server.exitCode}`);
    const answer = await ask(port, command);
    if (answer !== undefined && expected.test(answer)) return;
    await delay(POLL_MS);
  }
  server.kill('SIGKILL');
  throw new Error(`redis-server did not answer within ${STARTS_WITHIN_MS} ms`);
}

function ask(port: number, command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString());
    });
    socket.once('error', () => resolve(undefined));
    socket.once('close', () => resolve(undefined));
  });
}
