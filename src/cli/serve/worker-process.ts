import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { UsageError } from '../usage-error.js';
import type { FromWorker, IdleConnections, ToWorker } from './messages.js';
import { type StartReason, workerEnvironment } from './worker-mark.js';

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
}

/** The process that answers, as the one that listens sees it. */
export interface WorkerProcess {
  readonly pid: number | undefined;
  /** Rejects with its own error when it cannot start. */
  readonly ready: Promise<void>;
  readonly ended: Promise<Ending>;
  /** Gives it a connection; what it was given before it is told to stop, it still answers. */
  hand(socket: Socket): void;
  /** Those that it was given and has not been sent. */
  unsent(): readonly Socket[];
  stop(idle: IdleConnections): void;
  kill(): void;
}

/** Runs this command once more, from what is on the disk now. */
export function forkWorker(why: StartReason): WorkerProcess {
  const [, script = '', ...args] = process.argv;
  const child = fork(script, args, {
    env: workerEnvironment(process.env, why),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = new Promise<Ending>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.on('error', () => {
      if (child.pid === undefined) resolve({ code: null, signal: null });
    });
  });
  const unsent = new Set<Socket>();
  return {
    pid: child.pid,
    ready: becomesReady(child, ended),
    ended,
    hand(socket) {
      unsent.add(socket);
      handOver(child, socket, () => unsent.delete(socket));
    },
    unsent: () => [...unsent],
    stop(idle) {
      tell(child, { kind: 'stop', idle });
    },
    kill() {
      child.kill('SIGKILL');
    },
  };
}

function becomesReady(child: ChildProcess, ended: Promise<Ending>): Promise<void> {
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: FromWorker) => {
      if (message.kind === 'ready') resolve();
      else reject(message.isUsage ? new UsageError(message.message) : new Error(message.message));
    });
    void ended.then((ending) => reject(new Error(`the server process ended with ${describeEnding(ending)}`)));
  });
  // Whoever asks for it is told; nobody may be asking any more.
  ready.catch(() => {});
  return ready;
}

export function describeEnding({ code, signal }: Ending): string {
  if (signal !== null) return `the signal ${signal}`;
  return code === null ? 'no exit code' : `exit code ${code}`;
}

/**
 * Node sends one socket at a time, and forgets those that wait for their turn when the process ends. Left to itself it
 * also keeps one open until that process has confirmed it, for ever if it cannot; what is on its way is safe without, but
 * on Windows.
 */
const SENDING = { keepOpen: process.platform !== 'win32' };

function tell(child: ChildProcess, message: ToWorker): void {
  if (child.connected) child.send(message, () => {});
}

function handOver(child: ChildProcess, socket: Socket, sent: () => void): void {
  const message: ToWorker = { kind: 'connection' };
  if (!child.connected) return;
  child.send(message, socket, SENDING, () => {
    sent();
    socket.destroy();
  });
}
