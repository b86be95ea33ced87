import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { Reminders } from '../redis/reminders.js';
import type { OccurrenceQueue } from './occurrence-queue.js';

const EVERY_MS = 15_000;
const AHEAD_MS = 120_000;
const BATCH = 500;

/** Adds missing jobs of what is due within two minutes: a process may end between writing a reminder and adding its job. */
export class Sweep {
  readonly #reminders: Reminders;
  readonly #queue: OccurrenceQueue;
  readonly #clock: Clock;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: { reminders: Reminders; queue: OccurrenceQueue; clock: Clock; log: Log }) {
    this.#reminders = parts.reminders;
    this.#queue = parts.queue;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  /** Adds the missing jobs now, and again and again until it is stopped. */
  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
    // The run that was under way has set it again.
    clearTimeout(this.#timer);
  }

  async once(): Promise<void> {
    const until = this.#clock.now() + AHEAD_MS;
    for (let offset = 0; ; offset += BATCH) {
      const due = await this.#reminders.dueUntil(until, offset, BATCH);
      await this.#queue.addMissing(due);
      if (due.length < BATCH || this.#isStopped) return;
    }
  }

  async #run(): Promise<void> {
    try {
      await this.once();
    } catch (error) {
      this.#log.warn({ error: (error as Error).message }, 'what is due could not be read');
    }
    this.#timer = setTimeout(() => (this.#running = this.#run()), this.#clock.toTimer(EVERY_MS));
  }
}
