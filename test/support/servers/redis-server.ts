import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ServerControls, sparePort, startControlled } from './server-controls.js';
import { programForTests } from './server-programs.js';

const findServer = (): string | undefined =>
  programForTests(['redis-server', 'valkey-server'], 'the Debian package redis-server');
const STARTS_WITHIN_MS = 10_000;
const POLL_MS = 20;

/** Returns whether tests with a Redis server can run on this machine. */
export const hasRedis = (): boolean => findServer() !== undefined;

export interface RedisServerOptions {
  /** Whether written data survives a restart. */
  readonly appendOnly?: boolean;
  /** Whether it is a cluster of one node, which has all slots. */
  readonly cluster?: boolean;
  /** More arguments of `redis-server`, such as `--requirepass`, `secret`. */
  readonly args?: readonly string[];
}

/** A Redis server of its own on a spare port of the loopback interface, with its files in a temporary directory. */
export interface RedisServer extends ServerControls {
  readonly port: number;
  readonly url: string;
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const program = findServer();
  if (program === undefined) throw new Error('redis-server is missing');
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
  const controls = await startControlled({ directory, stopSignal: 'SIGTERM', start, process: () => server });
  return { ...controls, port, url: `redis://127.0.0.1:${port}` };
}

/** Returns the settings of a cluster, with a port between the nodes, as the default one may not exist. */
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

/** Waits for any answer to PING, even that a password is needed, but not that the server is still loading its files. */
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
