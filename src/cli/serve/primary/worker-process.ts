import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { systemClock } from '../../../core/concurrency/clock.js';
import { failureText } from '../../failures/failure-text.js';
import { UsageError } from '../../failures/usage-error.js';
import { fromWorker, type IdleConnections, type ToWorker } from '../processes/messages.js';
import { connectionsWithin } from '../processes/open-files.js';
import { type StartReason, workerEnvironment } from '../processes/worker-environment.js';
import { HandOver } from './hand-over.js';
import { passLines, type WorkerOutput } from './worker-output.js';
import type { WorkerStart } from './worker-start.js';

/** The result of a process that has ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  /** The reason why the process could not be started. */
  readonly reason?: string;
}

/** The worker, as seen by the primary process. */
export interface WorkerProcess {
  readonly pid: number | undefined;
  /** The promise that resolves when the worker can answer, and rejects with its error when it cannot start. */
  readonly ready: Promise<void>;
  readonly ended: Promise<Ending>;
  /** Calls the listener for each heartbeat. */
  onBeat(listener: (isDebugged: boolean) => void): void;
  /** Returns whether a native debugger, such as gdb, is attached to the process. */
  isTraced(): boolean;
  /** Passes a connection to the worker, which still answers connections that were passed before the order to stop. */
  hand(socket: Socket): void;
  /** Returns the connections that were passed to the worker but not sent yet. */
  unsent(): readonly Socket[];
  /**
   * Tells the worker to finish and to end.
   *
   * @param isReplaced - whether another worker has taken its place, so that it may take longer.
   */
  stop(idle: IdleConnections, isReplaced?: boolean): void;
  kill(): void;
}

/** The format and the destination of the worker's log. */
export interface WorkerHost {
  readonly isText: boolean;
  readonly output: WorkerOutput;
}

/** The limit of connections that were not sent to a worker yet. */
const MAX_UNSENT = 10_000;
/**
 * The share of the file descriptors of this process for connections that wait for one worker. During a reload there are two
 * workers, and to start one takes descriptors as well.
 */
export const SHARE_OF_A_WORKER = 0.25;
/** The time after the end of a process for which its output is still read. */
const LAST_LINES_MS = 500;

/** Starts a worker: this command once more, from the files that are on the disk now. */
export function forkWorker(
  { script, args, execArgv, isText, output }: WorkerStart & WorkerHost,
  why: StartReason,
): WorkerProcess {
  const child = fork(script, args, {
    execArgv: [...execArgv],
    env: workerEnvironment(process.env, why, isText),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  passLines(child.stdout, output.out);
  passLines(child.stderr, output.err);
  const ended = new Promise<Ending>((resolve) => {
    // `close` comes after all output, so that the last lines of the worker precede the one about its end. The timeout is
    // needed because a child process of a driver may keep the pipes open.
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.once('exit', (code, signal) => systemClock.setTimer(() => resolve({ code, signal }), LAST_LINES_MS));
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, reason: failureText(error) });
    });
  });
  const handOver = new HandOver(
    (socket, sent) => send(child, socket, sent),
    connectionsWithin(MAX_UNSENT, SHARE_OF_A_WORKER),
  );
  return {
    pid: child.pid,
    ready: becomesReady(child, ended),
    ended,
    onBeat(listener) {
      child.on('message', (received: unknown) => {
        const message = fromWorker(received);
        if (message?.kind === 'beat') listener(message.isDebugged);
      });
    },
    isTraced: () => child.pid !== undefined && isTraced(child.pid),
    hand(socket) {
      handOver.hand(socket);
    },
    unsent: () => handOver.unsent,
    stop(idle, isReplaced = false) {
      handOver.whenEmpty(() => tell(child, { kind: 'stop', idle, isReplaced }));
    },
    kill() {
      child.kill('SIGKILL');
    },
  };
}

function becomesReady(child: ChildProcess, ended: Promise<Ending>): Promise<void> {
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (received: unknown) => {
      const message = fromWorker(received);
      if (message?.kind === 'ready') resolve();
      if (message?.kind === 'failed')
        reject(message.isUsage ? new UsageError(message.message) : new Error(message.message));
    });
    void ended.then((ending) => reject(new Error(`the server process ended with ${describeEnding(ending)}`)));
  });
  // The rejection is handled by the code that awaits `ready`, but after the start there is none, and it would be an
  // unhandled rejection.
  ready.catch(() => {});
  return ready;
}

export function describeEnding({ code, signal, reason }: Ending): string {
  if (reason !== undefined) return `a failed start: ${reason}`;
  if (signal !== null) return `the signal ${signal}`;
  return code === null ? 'no exit code' : `exit code ${code}`;
}

/** Returns whether a debugger is attached to a process, which only Linux reports. */
function isTraced(pid: number): boolean {
  try {
    return /^TracerPid:\s*[1-9]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * The options with which a socket is sent to a worker. Node sends one socket at a time, and drops those in the queue when
 * the process ends. By default it also keeps each one open until the process has confirmed it, which may be never. Only
 * Windows needs that.
 */
const SENDING = { keepOpen: process.platform !== 'win32' };

function tell(child: ChildProcess, message: ToWorker): void {
  if (child.connected) child.send(message, () => {});
}

function send(child: ChildProcess, socket: Socket, sent: () => void): void {
  const message: ToWorker = { kind: 'connection' };
  if (!child.connected) return;
  child.send(message, socket, SENDING, () => {
    socket.destroy();
    sent();
  });
}
