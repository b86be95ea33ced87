import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { systemClock } from '../../../core/concurrency/clock.js';
import { failureText } from '../../failures/failure-text.js';
import { UsageError } from '../../failures/usage-error.js';
import { fromWorker, type IdleConnections, type ToWorker } from '../processes/messages.js';
import { type StartReason, workerEnvironment } from '../processes/worker-environment.js';
import { passLines, type WorkerOutput } from './worker-output.js';
import type { WorkerStart } from './worker-start.js';

/** The way in which a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  /** The reason why there has been no process at all. */
  readonly reason?: string;
}

/** The process that answers, as the one that listens sees it. */
export interface WorkerProcess {
  readonly pid: number | undefined;
  /** Rejects with its own error when it cannot start. */
  readonly ready: Promise<void>;
  readonly ended: Promise<Ending>;
  /** Calls the listener at each sign of life. */
  onBeat(listener: (isDebugged: boolean) => void): void;
  /** Returns whether a debugger of the system, such as gdb, holds the process. */
  isTraced(): boolean;
  /** Gives it a connection; what it was given before it is told to stop, it still answers. */
  hand(socket: Socket): void;
  /** Returns the connections that it was given and has not been sent. */
  unsent(): readonly Socket[];
  stop(idle: IdleConnections): void;
  kill(): void;
}

/** The format and the destination of the process's log. */
export interface WorkerHost {
  readonly isText: boolean;
  readonly output: WorkerOutput;
}

/** The time after its end for which the output of a process is read. */
const LAST_LINES_MS = 500;

/** Runs this command once more, from what is on the disk now. */
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
    // What it has written last comes before what is logged of its end; a process of a driver may keep the pipes open.
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.once('exit', (code, signal) => systemClock.setTimer(() => resolve({ code, signal }), LAST_LINES_MS));
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, reason: failureText(error) });
    });
  });
  const unsent = new Set<Socket>();
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
    child.on('message', (received: unknown) => {
      const message = fromWorker(received);
      if (message?.kind === 'ready') resolve();
      if (message?.kind === 'failed')
        reject(message.isUsage ? new UsageError(message.message) : new Error(message.message));
    });
    void ended.then((ending) => reject(new Error(`the server process ended with ${describeEnding(ending)}`)));
  });
  // The failure reaches whatever awaits it; nothing may be awaiting it any more.
  ready.catch(() => {});
  return ready;
}

export function describeEnding({ code, signal, reason }: Ending): string {
  if (reason !== undefined) return `no start: ${reason}`;
  if (signal !== null) return `the signal ${signal}`;
  return code === null ? 'no exit code' : `exit code ${code}`;
}

/** Returns whether a process is traced, which only Linux tells. */
function isTraced(pid: number): boolean {
  try {
    return /^TracerPid:\s*[1-9]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
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
