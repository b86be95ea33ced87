import type { Socket } from 'node:net';
import { systemClock } from '../../../core/concurrency/clock.js';
import { safeCause } from '../../../core/model/errors.js';
import type { ServeOptions } from '../../args/serve-options.js';
import type { CommandIo } from '../../io/command-io.js';
import { Log } from '../log/log.js';
import { startBeating } from '../processes/heartbeat.js';
import { type StopOrder, toWorker } from '../processes/messages.js';
import { ignoreUserSignals } from '../processes/stop-signals.js';
import { disconnect, say, sayWhyNot } from '../processes/to-primary.js';
import { isReload } from '../processes/worker-environment.js';
import { TokenServer } from './token-server.js';

/** The order that a worker follows when the primary process has ended. */
const ORPHANED: StopOrder = { kind: 'stop', idle: 'wait' };

/**
 * Runs a worker: it gets connections from the primary process, and ends when that tells it to or has ended.
 *
 * @returns the exit code.
 */
export async function runWorker(options: ServeOptions, io: CommandIo): Promise<number> {
  const log = new Log(io.stdout, systemClock, io.env);
  // Terminals and supervisors send these signals to both processes. Only the primary process reacts to them, and tells
  // the worker.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  ignoreUserSignals(process);
  process.on('uncaughtException', (error) => crash(log, error));

  const early: Socket[] = [];
  let server: TokenServer | undefined;
  let hurry: () => void = () => {};
  const hurried = new Promise<void>((resolve) => {
    hurry = resolve;
  });
  const told = new Promise<StopOrder>((resolve) => {
    const stop = (order: StopOrder): void => {
      if (order.isReplaced !== true) hurry();
      resolve(order);
    };
    process.once('disconnect', () => stop(ORPHANED));
    if (!process.connected) stop(ORPHANED);
    process.on('message', (received: unknown, socket: Socket | undefined) => {
      const message = toWorker(received);
      if (message?.kind === 'stop') stop(message);
      else if (message === undefined || socket === undefined) return;
      else if (server === undefined) early.push(socket);
      else server.accept(socket);
    });
  });

  try {
    server = await TokenServer.start(options, log, systemClock, isReload(io.env) ? 'read' : 'opened');
  } catch (error) {
    await sayWhyNot(error);
    return 1;
  }
  await loadWhatIsLazy();
  for (const socket of early.splice(0)) server.accept(socket);
  const isDebugged = await debuggerCheck();
  await say({ kind: 'ready' });
  const endBeating = startBeating(systemClock, isDebugged, beat);
  const { idle, isReplaced } = await told;
  await server.close(idle, isReplaced === true ? hurried : undefined);
  endBeating();
  disconnect();
  return 0;
}

/** Returns a function that returns whether Node's debugger is active. A Node built without the inspector has no debugger. */
async function debuggerCheck(): Promise<() => boolean> {
  if (!process.features.inspector) return () => false;
  const { url } = await import('node:inspector');
  return () => url() !== undefined;
}

let isBeatUnderWay = false;

/** Sends a heartbeat, unless the primary process has not received the one before. */
function beat(isDebugged: boolean): void {
  if (isBeatUnderWay) return;
  isBeatUnderWay = true;
  void say({ kind: 'beat', isDebugged }).then(() => {
    isBeatUnderWay = false;
  });
}

/** Loads the package that is otherwise loaded on demand, because the files on disk may later be those of another release. */
async function loadWhatIsLazy(): Promise<void> {
  await import('undici');
}

function crash(log: Log, error: unknown): void {
  const { message, stack } = safeCause(error);
  log.error('crashed', { error: message, stack });
  process.exit(1);
}
