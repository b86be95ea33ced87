import type { Clock } from '../../core/concurrency/clock.js';
import { Semaphore } from '../../core/concurrency/semaphore.js';
import { exponentialDelayMs } from '../../core/model/backoff.js';
import type { Closing } from '../../core/model/closing.js';
import { noop } from '../../core/primitives/noop.js';
import { AuthorizationChanges, type AuthorizationChangesParts } from './authorization-changes.js';
import type { AuthorizationKey } from './authorization-documents.js';

export interface AuthorizationWorkParts extends AuthorizationChangesParts {
  readonly clock: Clock;
  readonly closing: Closing;
  /** Handles a failure, after which the work is retried. */
  failed(key: AuthorizationKey, error: unknown): void;
}

/** A lease outlasts three requests to WeChat, and the writes after them. */
const LEASE_MS = 60_000;
/** The time after asking for its lease in which changes may begin, so that they end before the lease does. */
const HELD_MS = 45_000;
const SWEEP_EVERY_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
/** The maximum delay of a retry. Until then the delay is no longer than what prevented the work has lasted. */
const MAX_RETRY_MS = 10 * 60_000;
/** The number of authorizations that are worked on at once, without those that were just pushed. */
const MAX_LATER = 16;

/** Work that is not in progress yet. */
interface Waiting {
  cancel(): void;
}

/**
 * Runs what pushes have left to do, once in the fleet. What is to be done is in the store, so that it survives the process
 * that answered the push.
 */
export class AuthorizationWork {
  readonly #parts: AuthorizationWorkParts;
  readonly #changes: AuthorizationChanges;
  /** The work in progress, and the work that waits for its turn or its retry, by authorization. */
  readonly #underWay = new Map<string, Waiting | 'running'>();
  /** The authorizations to which pushes have added something while they were worked on, perhaps too late to be seen. */
  readonly #again = new Set<string>();
  readonly #later = new Semaphore(MAX_LATER);
  #sweep: Waiting | undefined;

  constructor(parts: AuthorizationWorkParts) {
    this.#parts = parts;
    this.#changes = new AuthorizationChanges(parts);
    parts.closing.signal.addEventListener('abort', () => this.#stop(), { once: true });
  }

  /** Begins what is pending in the store, now and each minute. What waits for its retry here goes on waiting. */
  async sweep(): Promise<void> {
    const { documents, clock, closing } = this.#parts;
    if (closing.hasBegun) return;
    try {
      for await (const key of documents.pending()) if (!this.#underWay.has(nameOf(key))) this.#beginLater(key, 1);
    } catch {
      // The store reports that it is unavailable; the next sweep reads it again.
    } finally {
      if (!closing.hasBegun) this.#sweep = clock.setTimer(() => void this.sweep(), SWEEP_EVERY_MS);
    }
  }

  /** Begins what a push has added: at once, or after the work for the same authorization that is in progress here. */
  begin(key: AuthorizationKey): void {
    const name = nameOf(key);
    const underWay = this.#underWay.get(name);
    if (this.#parts.closing.hasBegun) return;
    if (underWay === 'running') return void this.#again.add(name);
    underWay?.cancel();
    void this.#run(key, 1);
  }

  /** Begins work in its turn: thousands of requests at once would wait for each other until they time out. */
  #beginLater(key: AuthorizationKey, attempt: number): void {
    if (this.#parts.closing.hasBegun) return;
    const name = nameOf(key);
    const waiting: Waiting = { cancel: noop };
    this.#underWay.set(name, waiting);
    // A push may have begun the work meanwhile.
    void this.#later.run(async () => {
      if (this.#underWay.get(name) === waiting) await this.#run(key, attempt);
    });
  }

  async #run(key: AuthorizationKey, attempt: number): Promise<void> {
    const { documents, clock, closing, failed } = this.#parts;
    const name = nameOf(key);
    this.#underWay.set(name, 'running');
    this.#again.delete(name);
    const askedAt = clock.monotonic();
    const isHeld = (): boolean => clock.monotonic() - askedAt < HELD_MS;
    let isDone = false;
    try {
      isDone = await closing.waitFor(() =>
        documents.exclusively(key, LEASE_MS, () => this.#changes.makeAll(key, isHeld)),
      );
    } catch (error) {
      if (!closing.hasBegun) failed(key, error);
    }
    this.#underWay.delete(name);
    if (closing.hasBegun) return;
    if (this.#again.delete(name)) this.begin(key);
    // Another process that does the work may have ended it just before what was added, or may have been killed.
    else if (!isDone) this.#retry(key, attempt);
  }

  #retry(key: AuthorizationKey, attempt: number): void {
    const delayMs = exponentialDelayMs(attempt, FIRST_RETRY_MS, MAX_RETRY_MS);
    const timer = this.#parts.clock.setTimer(() => this.#beginLater(key, attempt + 1), delayMs);
    this.#underWay.set(nameOf(key), timer);
  }

  #stop(): void {
    this.#sweep?.cancel();
    for (const underWay of this.#underWay.values()) if (underWay !== 'running') underWay.cancel();
    this.#underWay.clear();
    this.#again.clear();
  }
}

function nameOf({ component, authorizer }: AuthorizationKey): string {
  return `${component}/${authorizer}`;
}
