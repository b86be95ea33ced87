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

/** Says until when the fleet leaves the rounds to the process that wrote it, and how far that has come. */
const ROUND_ID = 'limit/~fleet/~round';
/** A process looks this often whether it is to make a round, and a step that takes longer is taken over by another process. */
const LOOK_EVERY_MS = 60_000;
const ROUND_EVERY_MS = 600_000;
const TASKS_IN_A_STEP = 256;
const PAUSE_MS = 1_000;

/** A step that this process may make. */
interface Step {
  readonly version: number;
  /** The id of the last task that has been looked at; empty at the beginning of a round. */
  readonly after: string;
}

/**
 * Goes through all tasks of a fleet every ten minutes, so that none stays out of its schedule. One process does it, in steps
 * that another one goes on with: the place that was reached stands in the store, and is moved by compare-and-set.
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
        // The store reports its own failures, and what is left is done by the next look.
        this.#looking = this.#look()
          .catch(noop)
          .then(() => this.#arm(LOOK_EVERY_MS * (0.75 + this.#clock.random() * 0.5)));
      },
      Math.max(1, delayMs),
    );
  }

  async #look(): Promise<void> {
    const { signal } = this.#stopping;
    // A store that is away is asked for work already, and no round is worth a command then.
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

  /** Returns the step to be made; `undefined` while it is another process's, or the last round was not long ago. */
  async #begin(): Promise<Step | undefined> {
    const [stored] = await this.#store.get([ROUND_ID]);
    const content = await this.#reader.read(stored, (found) => (found === undefined ? {} : unseal(found)));
    const { until, after } = content as JsonObject;
    const now = this.#clock.now();
    // An instant that is farther ahead was written before the clock was set back: what is due then may be due too late as well.
    const isTaken = typeof until === 'number' && until > now && until <= now + ROUND_EVERY_MS;
    const from = typeof after === 'string' ? after : '';
    const version = stored?.version ?? 0;
    if (!isTaken) return this.#write(from, LOOK_EVERY_MS, version);
    // Where nothing is due, this write alone shows that a store which took none works again.
    if (this.#store.failsToWrite) await this.#write(from, until - now, version);
    return undefined;
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
