import { LEASE_MS } from '../concurrency/time-limits.js';
import { TimerQueue } from '../concurrency/timer-queue.js';
import { documentId } from '../model/token-key.js';
import type { RecordReader } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import type { DueHandler } from '../refresh/scheduler.js';
import type { TaskEntry } from '../registry/task-entry.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import type { ClaimDispatcher } from './claim-dispatcher.js';
import type { FleetRateLimit } from './fleet-rate-limit.js';

export interface FunctionTasksParts {
  readonly store: SupervisedStore;
  readonly clock: StoreClock;
  readonly records: Records;
  readonly rateLimit: FleetRateLimit;
  readonly recordReader: RecordReader;
  readonly dispatcher: ClaimDispatcher;
}

/** The number of polls for which a due task is left to the fleet's schedule first. */
const LEFT_TO_SCHEDULE_LOOKS = { least: 1, spread: 4 };
/** The maximum number of such tasks in progress, which leaves room for keys that the fleet's schedule assigns. */
const MAX_RUNNING = 8;

/**
 * Claims due tasks whose params are a function, in a process that has the function. The fleet's schedule assigns such a
 * task to any process, which in a large fleet almost never has the function. A process that has it therefore claims the
 * task itself a little later.
 */
export class FunctionTasks {
  readonly #parts: FunctionTasksParts;
  readonly #schedule: TimerQueue<TaskEntry>;
  #handler: Pick<DueHandler, 'reschedule'> | undefined;
  /** The tasks that are due and wait to be claimed. A notification of such a task does not defer it. */
  readonly #overdue = new WeakSet<TaskEntry>();
  readonly #working = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(parts: FunctionTasksParts) {
    this.#parts = parts;
    this.#schedule = new TimerQueue(parts.clock, (task) => this.#begin(task), {
      maxRunning: MAX_RUNNING,
      groupOf: ({ key }) => key.appid,
    });
  }

  set(task: TaskEntry, at: number): void {
    const { clock } = this.#parts;
    const { least, spread } = LEFT_TO_SCHEDULE_LOOKS;
    const now = clock.now();
    if (at > now) this.#overdue.delete(task);
    else if (this.#overdue.has(task)) return;
    else this.#overdue.add(task);
    this.#schedule.set(task, Math.max(at, now) + clock.pollIntervalMs * (least + clock.random() * spread));
  }

  delete(task: TaskEntry): void {
    this.#overdue.delete(task);
    this.#schedule.delete(task);
  }

  start(handler: Pick<DueHandler, 'reschedule'>): void {
    this.#handler = handler;
    this.#schedule.start();
  }

  check(): void {
    this.#schedule.check();
  }

  async stop(): Promise<void> {
    this.#schedule.stop();
    this.#stopping.abort();
    await Promise.all(this.#working);
  }

  async #begin(task: TaskEntry): Promise<void> {
    this.#overdue.delete(task);
    const working = this.#claim(task).catch(() => {
      // Store failures are already reported by the store.
    });
    this.#working.add(working);
    await working;
    this.#working.delete(working);
    if (!this.#stopping.signal.aborted) this.#handler?.reschedule(task.key);
  }

  async #claim({ key }: TaskEntry): Promise<void> {
    const { store, clock, records, rateLimit, recordReader, dispatcher } = this.#parts;
    if (records.cache.get(key) === undefined) await recordReader.read(key);
    await rateLimit.reserve(1, this.#stopping.signal);
    const askedAtMonotonic = clock.monotonic();
    const lease = await store.lease(documentId('key', key), LEASE_MS);
    if (lease !== undefined)
      await Promise.all(dispatcher.dispatch([{ lease, askedAtMonotonic, beginsAtMonotonic: askedAtMonotonic }]));
  }
}
