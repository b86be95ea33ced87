import { CLOSE_TIMEOUT_MS } from '../concurrency/time-limits.js';
import type { Closing } from '../model/closing.js';
import { Deadline } from '../model/deadline.js';
import type { Upstream } from '../model/refresher.js';
import { allOf } from '../primitives/all-of.js';
import type { VerifyTickets } from '../pushes/verify-tickets.js';
import type { PendingGrants } from '../records/pending-grants.js';
import type { RecordReader } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import type { CallbackRelay } from '../refresh/callback-relay.js';
import type { Registry } from '../registry/registry.js';
import type { LimitSweep } from '../store/limit-sweep.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import type { StoreRecovery } from './store-recovery.js';
import type { StoreWatch } from './store-watch.js';
import type { Work } from './work.js';

export interface LifecycleParts extends Work {
  readonly store: SupervisedStore;
  readonly clock: StoreClock;
  readonly closing: Closing;
  readonly registry: Registry;
  readonly records: Records;
  readonly recordReader: RecordReader;
  readonly watch: StoreWatch;
  readonly pendingGrants: PendingGrants;
  readonly recovery: StoreRecovery;
  readonly limits: LimitSweep;
  readonly upstream: Upstream;
  readonly callbacks: CallbackRelay;
  readonly tickets: VerifyTickets;
  /** Whether this process refreshes at all. */
  readonly refreshes: boolean;
}

/** Starts and closes the background work in the order of its dependencies. */
export class Lifecycle {
  readonly #parts: LifecycleParts;
  #started: Promise<void> | undefined;
  #opened: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #isRegistryLoaded = false;
  #isStarted = false;

  constructor(parts: LifecycleParts) {
    this.#parts = parts;
  }

  /** Resolves when the store has answered for the first time; `undefined` before the start. */
  get opened(): Promise<void> | undefined {
    return this.#opened;
  }

  /**
   * Returns whether every registration has been read. From then on the registration of a new task schedules it; earlier
   * tasks are scheduled when their records are read.
   */
  get isRegistryLoaded(): boolean {
    return this.#isRegistryLoaded;
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  start(): Promise<void> {
    const { closing } = this.#parts;
    if (closing.hasBegun) return Promise.reject(closing.signal.reason);
    this.#started ??= this.#start().catch((error: unknown) => {
      this.#started = undefined;
      throw error;
    });
    return this.#started;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #start(): Promise<void> {
    const {
      clock,
      watch,
      recordReader,
      registry,
      closing,
      pendingGrants,
      refreshes,
      flights,
      scheduler,
      limits,
      callbacks,
      tickets,
    } = this.#parts;
    await (this.#opened = clock.sync());
    await watch.start();
    this.#isRegistryLoaded = true;
    await recordReader.loadAll([...registry.tasks()].map(({ key }) => key));
    closing.assertOpen();
    clock.start();
    pendingGrants.start();
    tickets.start();
    this.#isStarted = true;
    if (!refreshes) return;
    scheduler.start(flights);
    limits.start();
    callbacks.start();
  }

  async #close(): Promise<void> {
    const { closing, records, limits, flights, clock, scheduler, callbacks, recovery, pendingGrants } = this.#parts;
    const { watch, upstream, store, tickets } = this.#parts;
    closing.begin();
    records.cache.close();
    limits.stop();
    tickets.stop();
    flights.wakeAll();
    clock.stop();
    // The recovery stops last, so that additions to the history by registrations in progress are written as well.
    const recovered = closing.settled().then(() => recovery.stop());
    const works = [scheduler.stop(), callbacks.stop(), recovered, this.#started, flights.settled()];
    await pendingGrants.flush(Promise.allSettled(works), new Deadline(clock, CLOSE_TIMEOUT_MS, undefined));
    // The watch is stopped before the store is closed.
    await allOf([watch.stop(), upstream.close(), store.close()]);
  }
}
