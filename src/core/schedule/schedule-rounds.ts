import { type ClockTimer, wait } from '../concurrency/clock.js';
import type { StoredDocument } from '../model/store.js';
import { parseKey } from '../model/token-key.js';
import type { JsonObject } from '../primitives/json.js';
import { noop } from '../primitives/noop.js';
import type { ScheduledTask } from '../registry/registration-content.js';
import { seal, unseal } from '../store/document-codec.js';
import type { DocumentReader } from '../store/document-reader.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import type { DueRepair } from './due-repair.js';

/**
 * The id of the document that contains the progress of a round, and the instant until which the process that wrote it
 * has the round.
 */
const ROUND_ID = 'limit/~fleet/~round';
/**
 * The interval at which a process checks whether to make a round, and the time after which another process takes over a
 * step.
 */
const LOOK_EVERY_MS = 60_000;
const ROUND_EVERY_MS = 600_000;
const TASKS_IN_A_STEP = 256;
const PAUSE_MS = 1_000;

/** A step of a round that this process may make. */
interface Step {
  readonly version: number;
  /** The id of the last task that has been checked; empty at the beginning of a round. */
  readonly after: string;
}

/**
 * Checks all tasks of a fleet every ten minutes, so that none stays lost from its schedule. One process makes a round,
 * in steps that another one can continue: the progress is stored, and updated by compare-and-set.
 */
export class ScheduleRounds {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #clock: StoreClock;
  readonly #repair: DueRepair;
  #timer: ClockTimer | undefined;
  #looking: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  constructor(store: SupervisedStore, reader: DocumentReader, clock: StoreClock, repair: DueRepair) {
    this.#store = store;
    this.#reader = reader;
    this.#clock = clock;
    this.#repair = repair;
  }

  start(): void {
    this.#arm(this.#clock.random() * LOOK_EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#timer?.cancel();
    await this.#looking;
  }

  #arm(delayMs: number): void {
    if (this.#stopping.signal.aborted) return;
    this.#timer = this.#clock.setTimer(
      () => {
        // Store failures are already reported by the store, and the next check resumes the round.
        this.#looking = this.#look()
          .catch(noop)
          .then(() => this.#arm(LOOK_EVERY_MS * (0.75 + this.#clock.random() * 0.5)));
      },
      Math.max(1, delayMs),
    );
  }

  async #look(): Promise<void> {
    const { signal } = this.#stopping;
    // An unavailable store is retried by other parts already, and a round is not worth a further command.
    if (this.#store.failsToRead) return;
    let step = await this.#begin();
    while (step !== undefined) {
      const tasks = await this.#tasksAfter(step.after);
      signal.throwIfAborted();
      await this.#repair.mend(tasks.flatMap(taskOf));
      const last = tasks.length < TASKS_IN_A_STEP ? undefined : tasks.at(-1);
      if (last === undefined) return void (await this.#write('', ROUND_EVERY_MS, step.version));
      await wait(this.#clock, PAUSE_MS, { signal });
      step = await this.#write(last.id, LOOK_EVERY_MS, step.version);
    }
  }

  /** Returns the step to be made; `undefined` while another process has the round, or if the last one was recent. */
  async #begin(): Promise<Step | undefined> {
    const [stored] = await this.#store.get([ROUND_ID]);
    const content = await this.#reader.read(stored, (found) => (found === undefined ? {} : unseal(found)));
    const { until, after } = content as JsonObject;
    const now = this.#clock.now();
    // An instant that is farther ahead was written before the clock was set back; the dues of that time may then be too
    // late as well.
    const isTaken = typeof until === 'number' && until > now && until <= now + ROUND_EVERY_MS;
    const from = typeof after === 'string' ? after : '';
    return isTaken ? undefined : this.#write(from, LOOK_EVERY_MS, stored?.version ?? 0);
  }

  async #write(after: string, forMs: number, expected: number): Promise<Step | undefined> {
    const until = Math.round(this.#clock.now()) + forMs;
    const version = await this.#store.set(ROUND_ID, seal(ROUND_ID, { until, after }), expected);
    return version === undefined ? undefined : { version, after };
  }

  async #tasksAfter(after: string): Promise<StoredDocument[]> {
    const tasks: StoredDocument[] = [];
    const options = { ...(after === '' ? {} : { after }), limit: TASKS_IN_A_STEP };
    for await (const task of this.#store.list('task', options)) tasks.push(task);
    return tasks;
  }
}

function taskOf({ id, data }: StoredDocument): ScheduledTask[] {
  const key = parseKey(id);
  const { notify } = data;
  return key === undefined ? [] : [{ key, notify: typeof notify === 'string' ? notify : undefined }];
}
