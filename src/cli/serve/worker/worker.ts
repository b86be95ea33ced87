import type { Socket } from 'node:net';
import { systemClock } from '../../../core/concurrency/clock.js';
import { safeCause } from '../../../core/model/errors.js';
import type { ServeOptions } from '../../args/serve-options.js';
import { failureText } from '../../failures/failure-text.js';
import { StartFailure } from '../../failures/start-failure.js';
import { UsageError } from '../../failures/usage-error.js';
import type { CommandIo } from '../../io/command-io.js';
import { Log } from '../log/log.js';
import { startBeating } from '../processes/heartbeat.js';
import { type FromWorker, type IdleConnections, toWorker } from '../processes/messages.js';
import { ignoreUserSignals } from '../processes/stop-signals.js';
import { isReload } from '../processes/worker-environment.js';
import { TokenServer } from './token-server.js';

/**
 * Runs the process that answers: it is given connections by the one that listens, and ends when that says so, or is gone.
 *
 * @returns the exit code.
 */
export async function runWorker(options: ServeOptions, io: CommandIo): Promise<number> {
  const log = new Log(io.stdout, systemClock, io.env);
  // A terminal and a supervisor send them to both processes; what they mean is for the other one to say.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  ignoreUserSignals(process);
  process.on('uncaughtException', (error) => crash(log, error));

  const early: Socket[] = [];
  let server: TokenServer | undefined;
  const told = new Promise<IdleConnections>((resolve) => {
    process.once('disconnect', () => resolve('wait'));
    if (!process.connected) resolve('wait');
    process.on('message', (received: unknown, socket: Socket | undefined) => {
      const message = toWorker(received);
      if (message?.kind === 'stop') resolve(message.idle);
      else if (message === undefined || socket === undefined) return;
      else if (server === undefined) early.push(socket);
      else server.accept(socket);
    });
  });

  try {
    server = await TokenServer.start(options, log, systemClock, isReload(io.env) ? 'read' : 'opened');
  } catch (error) {
    await say({ kind: 'failed', ...reasonOf(error) });
    disconnect();
    return 1;
  }
  await loadWhatIsLazy();
  for (const socket of early.splice(0)) server.accept(socket);
  const isDebugged = await debuggerCheck();
  await say({ kind: 'ready' });
  const endBeating = startBeating(systemClock, isDebugged, beat);
  await server.close(await told);
  endBeating();
  disconnect();
  return 0;
}

/** Closes the channel, which would keep the process alive; nothing is left to be sent. */
function disconnect(): void {
  if (process.connected) process.disconnect();
}

/** Returns what tells whether the debugger of Node listens or is connected. A Node that was built without one has none. */
async function debuggerCheck(): Promise<() => boolean> {
  if (!process.features.inspector) return () => false;
  const { url } = await import('node:inspector');
  return () => url() !== undefined;
}

let isBeatUnderWay = false;

/** Sends no second one while the process that listens has not taken the first. */
function beat(isDebugged: boolean): void {
  if (isBeatUnderWay) return;
  isBeatUnderWay = true;
  void say({ kind: 'beat', isDebugged }).then(() => {
    isBeatUnderWay = false;
  });
}

/** Loads what is otherwise loaded at its first use: later the files may be those of another release. */
async function loadWhatIsLazy(): Promise<void> {
  await Promise.all([import('../../../wechat/client.js'), import('undici')]);
}

function say(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}

function reasonOf(error: unknown): { message: string; isUsage: boolean } {
  const isUsage = error instanceof UsageError;
  return { message: failureText(isUsage || error instanceof StartFailure ? error : safeCause(error)), isUsage };
}

function crash(log: Log, error: unknown): void {
  const { message, stack } = safeCause(error);
  log.error('crashed', { error: message, stack });
  process.exit(1);
}
