import type { Clock, ClockTimer } from '../concurrency/clock.js';
import type { StoredDocument } from '../model/store.js';
import type { JsonObject } from '../primitives/json.js';
import { unseal } from './document-codec.js';
import type { SupervisedStore } from './supervised-store.js';

const EVERY_MS = 3_600_000;
const DAY_MS = 24 * 3_600_000;
/**
 * The maximum time until a count has no effect any more. A later end was written by a clock that has been set back
 * since.
 */
const FARTHEST_END_MS = 2 * DAY_MS;

/**
 * Deletes counts of limits that have no effect any more. The counts of an app outlive its registration, so that
 * registering it again does not reset them, but they must not stay in the store forever.
 */
export class LimitSweep {
  readonly #store: SupervisedStore;
  readonly #clock: Clock;
  #timer: ClockTimer | undefined;
  #isStopped = false;

  constructor(store: SupervisedStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Starts to sweep once an hour, with a random offset, so that processes do not sweep at the same time. */
  start(): void {
    this.#arm(this.#clock.random() * EVERY_MS);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #arm(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer = this.#clock.setTimer(
      () => {
        this.#arm(EVERY_MS);
        // Failures are reported by the store, and the next sweep finds the documents that are left.
        this.#sweep().catch(() => {});
      },
      Math.max(1, delayMs),
    );
  }

  async #sweep(): Promise<void> {
    const over: StoredDocument[] = [];
    for await (const document of this.#store.list('limit')) {
      if (this.#isStopped) return;
      if (isOver(document, this.#clock.now())) over.push(document);
    }
    for (const { id, version } of over) {
      if (this.#isStopped) return;
      await this.#store.delete(id, version);
    }
  }
}

function isOver(document: StoredDocument, now: number): boolean {
  const endsAt = endOf(document);
  return endsAt !== undefined && (endsAt <= now || endsAt > now + FARTHEST_END_MS);
}

/** Returns the instant from which a count has no effect any more; `undefined` if that is unknown. */
function endOf(document: StoredDocument): number | undefined {
  const { taken, fullAt, reservedUntil, until } = contentOf(document);
  if (Array.isArray(taken)) return Math.max(0, ...taken.map((entry) => Number((entry as unknown[])[0]))) + DAY_MS;
  if (typeof fullAt === 'number') return fullAt;
  if (typeof reservedUntil === 'number') return reservedUntil;
  return typeof until === 'number' ? until : undefined;
}

/** Returns the content of a document, or an empty object if it is damaged or can only be read by a newer release. */
function contentOf(document: StoredDocument): JsonObject {
  try {
    return unseal(document);
  } catch {
    return {};
  }
}
