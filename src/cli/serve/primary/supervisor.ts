import type { Socket } from 'node:net';
import { type Clock, wait } from '../../../core/concurrency/clock.js';
import { exponentialDelayMs } from '../../../core/model/backoff.js';
import { failureText } from '../../failures/failure-text.js';
import type { Log } from '../log/log.js';
import { HeartbeatWatch } from '../processes/heartbeat.js';
import type { IdleConnections } from '../processes/messages.js';
import type { StartReason } from '../processes/worker-environment.js';
import { describeEnding, type Ending, type WorkerProcess } from './worker-process.js';

/** The time limit for a start. A large store takes long to read. */
const START_MS = 60_000;
/** The time limit for the end of a worker: more than requests (8 s) and the close of a manager (21 s) take. */
const LEAVE_MS = 35_000;
/** The time limit for the end of a worker that another has replaced, which gives its requests a minute more. */
const LEAVE_REPLACED_MS = 95_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** The time after which a worker counts as healthy, so that the pauses between restarts begin with the shortest again. */
const HEALTHY_MS = 60_000;
/** The limit of connections that wait while no worker can answer. */
export const MAX_WAITING = 1_000;
const STOP_SIGNALS: readonly string[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export interface SupervisorInput {
  readonly fork: (why: StartReason) => WorkerProcess;
  readonly log: Log;
  readonly clock: Clock;
  /** The limit of connections that wait while no worker can answer. Default: 1,000. */
  readonly maxWaiting?: number;
}

/** Keeps one worker running: it replaces the worker at a reload, and after a crash or a hang. */
export class Supervisor {
  readonly #fork: SupervisorInput['fork'];
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #maxWaiting: number;
  readonly #alive = new Set<WorkerProcess>();
  /** The connections that were accepted while no worker could answer. */
  readonly #waiting: Socket[] = [];
  #current: WorkerProcess | undefined;
  #turn: Promise<void> = Promise.resolve();
  #isReloadQueued = false;
  /** The end of the worker that the last reload has replaced; `undefined` once it has ended. */
  #leaving: Promise<void> | undefined;
  #failures = 0;
  #endPause = new AbortController();
  #stopped: Promise<number> | undefined;

  constructor({ fork, log, clock, maxWaiting = MAX_WAITING }: SupervisorInput) {
    this.#fork = fork;
    this.#log = log;
    this.#clock = clock;
    this.#maxWaiting = maxWaiting;
  }

  get isStopping(): boolean {
    return this.#stopped !== undefined;
  }

  /** Returns the process id of the current worker. */
  get pid(): number | undefined {
    return this.#current?.pid;
  }

  /**
   * Starts the first worker.
   *
   * @throws the error of the worker when it cannot start.
   */
  async start(): Promise<void> {
    const started = this.#begin('first').then((worker) => this.#adopt(worker));
    this.#inTurn(() => started.catch(() => this.#cutWaiting()));
    await started;
  }

  hand(socket: Socket): void {
    if (this.#current !== undefined) this.#current.hand(socket);
    else if (this.isStopping || this.#waiting.length >= this.#maxWaiting) socket.destroy();
    else this.#waiting.push(socket);
  }

  /** Replaces the worker by a new one. The old one finishes its requests and ends. Reloads run one after the other. */
  reload(): void {
    if (this.isStopping || this.#isReloadQueued) return;
    this.#isReloadQueued = true;
    this.#endPause.abort();
    this.#reloadInTurn();
  }

  /**
   * Stops all workers.
   *
   * @returns the exit code: 0 when everything has been finished.
   */
  stop(idle: IdleConnections): Promise<number> {
    this.#stopped ??= this.#stop(idle);
    return this.#stopped;
  }

  /** Kills all workers at once. */
  kill(): void {
    for (const worker of this.#alive) worker.kill();
  }

  async #stop(idle: IdleConnections): Promise<number> {
    this.#endPause.abort();
    this.#cutWaiting();
    const leaving = [...this.#alive];
    for (const worker of leaving) worker.stop(idle);
    const endings = await Promise.all(leaving.map((worker) => this.#gone(worker)));
    return endings.every(hasFinished) ? 0 : 1;
  }

  /**
   * Begins a reload when the worker that the one before has replaced has ended. It does not wait in its turn, because a
   * restart after a crash must not wait for that.
   */
  #reloadInTurn(): void {
    this.#inTurn(async () => {
      if (this.#leaving !== undefined) {
        void this.#leaving.then(() => this.#reloadInTurn());
        return;
      }
      this.#isReloadQueued = false;
      await this.#replace();
    });
  }

  async #replace(): Promise<void> {
    const old = this.#current;
    // Without a current worker, the aborted pause lets `#heal` start one.
    if (this.isStopping || old === undefined) return;
    this.#log.info('reloading');
    try {
      this.#adopt(await this.#begin('reload'));
    } catch (error) {
      if (!this.isStopping) this.#log.error('reloadFailed', { error: failureText(error), pid: this.pid });
      return;
    }
    this.#log.info('reloaded', { pid: this.pid });
    old.stop('wait', true);
    this.#leaving = this.#gone(old, LEAVE_REPLACED_MS).then(() => {
      this.#leaving = undefined;
    });
  }

  /** Starts a worker and waits until it can answer. */
  async #begin(why: StartReason): Promise<WorkerProcess> {
    const worker = this.#fork(why);
    this.#alive.add(worker);
    void worker.ended.then(() => this.#alive.delete(worker));
    this.#watch(worker);
    const over = new AbortController();
    const late = wait(this.#clock, START_MS, { signal: over.signal }).then(() => {
      throw new Error(`the server process was not ready within ${START_MS / 1_000} s`);
    });
    late.catch(() => {});
    try {
      await Promise.race([worker.ready, late]);
      return worker;
    } catch (error) {
      worker.kill();
      // The worker has no requests to finish, so that a stop need not wait for it.
      this.#alive.delete(worker);
      throw error;
    } finally {
      over.abort();
    }
  }

  /** Kills a worker that hangs, which is then handled like a crash. */
  #watch(worker: WorkerProcess): void {
    const watch = new HeartbeatWatch(this.#clock, (silentMs) => {
      if (worker.isTraced()) {
        watch.beat(false);
        return;
      }
      this.#log.error('workerHung', { pid: worker.pid, silentMs: Math.round(silentMs) });
      worker.kill();
    });
    worker.onBeat((isDebugged) => watch.beat(isDebugged));
    void worker.ended.then(() => watch.end());
  }

  #adopt(worker: WorkerProcess): void {
    const since = this.#clock.monotonic();
    this.#current = worker;
    for (const socket of this.#waiting.splice(0)) worker.hand(socket);
    void worker.ended.then((ending) => {
      if (worker !== this.#current) return;
      this.#current = undefined;
      for (const socket of worker.unsent()) this.hand(socket);
      if (this.isStopping) return;
      if (this.#clock.monotonic() - since >= HEALTHY_MS) this.#failures = 0;
      this.#log.error('workerEnded', { pid: worker.pid, error: describeEnding(ending) });
      this.#inTurn(() => this.#heal());
    });
  }

  async #heal(): Promise<void> {
    while (this.#current === undefined && !this.isStopping) {
      await this.#pause();
      if (this.isStopping) return;
      try {
        this.#adopt(await this.#begin('crash'));
        this.#log.info('workerReplaced', { pid: this.pid });
      } catch (error) {
        if (!this.isStopping) this.#log.error('workerFailed', { error: failureText(error) });
        this.#cutWaiting();
      }
    }
  }

  /** Waits before a restart: not before the first one, then with growing delays. A reload or a stop ends the wait. */
  async #pause(): Promise<void> {
    const failures = this.#failures;
    const pauseMs = failures === 0 ? 0 : exponentialDelayMs(failures, FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    this.#failures += 1;
    this.#endPause = new AbortController();
    const { signal } = this.#endPause;
    await wait(this.#clock, pauseMs, { ref: true, signal }).catch(() => {});
  }

  async #gone(worker: WorkerProcess, withinMs = LEAVE_MS): Promise<Ending> {
    const timer = this.#clock.setTimer(() => {
      this.#log.warn('workerKilled', { pid: worker.pid, error: `it had not finished after ${withinMs / 1_000} s` });
      worker.kill();
    }, withinMs);
    const ending = await worker.ended;
    timer.cancel();
    return ending;
  }

  #cutWaiting(): void {
    for (const socket of this.#waiting.splice(0)) socket.destroy();
  }

  #inTurn(work: () => Promise<void>): void {
    this.#turn = this.#turn.then(work);
  }
}

/**
 * Returns whether a worker has left nothing undone. A terminal sends its signal to both processes, and a worker that is
 * still loading ends by it: later it ignores these signals.
 */
function hasFinished({ code, signal }: Ending): boolean {
  return code === 0 || (signal !== null && STOP_SIGNALS.includes(signal));
}
