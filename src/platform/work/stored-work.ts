import type { Clock } from '../../core/concurrency/clock.js';
import { Semaphore } from '../../core/concurrency/semaphore.js';
import { exponentialDelayMs } from '../../core/model/backoff.js';
import type { Closing } from '../../core/model/closing.js';
import { noop } from '../../core/primitives/noop.js';

/** The documents that say what is to be done. */
export interface WorkDocuments<Key> {
  /** Yields what is to be done. */
  pending(): AsyncIterable<Key>;
}

export interface StoredWorkParts<Key> {
  readonly documents: WorkDocuments<Key>;
  readonly clock: Clock;
  readonly closing: Closing;
  /** The maximum delay of a retry. Until then the delay is no longer than what prevented the work has lasted. */
  readonly maxRetryMs: number;
  /** Returns the name by which what is to be done is told from the rest. */
  nameOf(key: Key): string;
  /** Does what is to be done, and returns whether nothing is left; `false` while another process does it. */
  work(key: Key): Promise<boolean>;
  /** Handles a failure, after which the work is retried. */
  failed(key: Key, error: unknown): void;
}

const SWEEP_EVERY_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
/** The amount of work that is done at once, without that which was just pushed. */
const MAX_LATER = 16;

/** Work that is not in progress yet. */
interface Waiting {
  cancel(): void;
}

/**
 * Runs what pushes have left to do, once in the fleet. What is to be done is in the store, so that it survives the process
 * that answered the push.
 */
export class StoredWork<Key> {
  readonly #parts: StoredWorkParts<Key>;
  /** The work in progress, and the work that waits for its turn or its retry, by name. */
  readonly #underWay = new Map<string, Waiting | 'running'>();
  /** The names of the work to which pushes have added something while it was done, perhaps too late to be seen. */
  readonly #again = new Set<string>();
  readonly #later = new Semaphore(MAX_LATER);
  #sweep: Waiting | undefined;

  constructor(parts: StoredWorkParts<Key>) {
    this.#parts = parts;
    parts.closing.signal.addEventListener('abort', () => this.#stop(), { once: true });
  }

  /**
   * Begins what is pending in the store when that has answered for the first time, and each minute from then on. A store that
   * is unavailable at the start is read again by a later sweep.
   */
  startAfter(opened: Promise<void>): void {
    void opened.catch(noop).then(() => this.#sweepAll());
  }

  /** Begins what is pending. What waits for its retry here goes on waiting. */
  async #sweepAll(): Promise<void> {
    const { documents, clock, closing, nameOf } = this.#parts;
    if (closing.hasBegun) return;
    try {
      for await (const key of documents.pending()) if (!this.#underWay.has(nameOf(key))) this.#beginLater(key, 1);
    } catch {
      // The store reports that it is unavailable; the next sweep reads it again.
    } finally {
      if (!closing.hasBegun) this.#sweep = clock.setTimer(() => void this.#sweepAll(), SWEEP_EVERY_MS);
    }
  }

  /** Begins what a push has added: at once, or after the work of the same name that is in progress here. */
  begin(key: Key): void {
    const name = this.#parts.nameOf(key);
    const underWay = this.#underWay.get(name);
    if (this.#parts.closing.hasBegun) return;
    if (underWay === 'running') return void this.#again.add(name);
    underWay?.cancel();
    void this.#run(key, 1);
  }

  /** Begins work in its turn: thousands of requests at once would wait for each other until they time out. */
  #beginLater(key: Key, attempt: number): void {
    if (this.#parts.closing.hasBegun) return;
    const name = this.#parts.nameOf(key);
    const waiting: Waiting = { cancel: noop };
    this.#underWay.set(name, waiting);
    // A push may have begun the work meanwhile.
    void this.#later.run(async () => {
      if (this.#underWay.get(name) === waiting) await this.#run(key, attempt);
    });
  }

  async #run(key: Key, attempt: number): Promise<void> {
    const { closing, nameOf, work, failed } = this.#parts;
    const name = nameOf(key);
    this.#underWay.set(name, 'running');
    this.#again.delete(name);
    let isDone = false;
    try {
      isDone = await closing.waitFor(() => work(key));
    } catch (error) {
      if (!closing.hasBegun) failed(key, error);
    }
    this.#underWay.delete(name);
    if (closing.hasBegun) return;
    if (this.#again.delete(name)) this.begin(key);
    // Another process that does the work may have ended it just before what was added, or may have been killed.
    else if (!isDone) this.#retry(key, attempt);
  }

  #retry(key: Key, attempt: number): void {
    const { clock, maxRetryMs, nameOf } = this.#parts;
    const delayMs = exponentialDelayMs(attempt, FIRST_RETRY_MS, maxRetryMs);
    const timer = clock.setTimer(() => this.#beginLater(key, attempt + 1), delayMs);
    this.#underWay.set(nameOf(key), timer);
  }

  #stop(): void {
    this.#sweep?.cancel();
    for (const underWay of this.#underWay.values()) if (underWay !== 'running') underWay.cancel();
    this.#underWay.clear();
    this.#again.clear();
  }
}
