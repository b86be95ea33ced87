import type { Clock } from './clock.js';
import { safeCause, TokenError } from './errors.js';
import type { JsonObject } from './json.js';
import type { Due, Lease, StoredDocument, TokenStore } from './store.js';
import { COMMAND_TIMEOUT_MS } from './time-limits.js';

export interface StoreAvailability {
  unavailable(error: TokenError): void;
  available(): void;
}

/**
 * The user's store with a bound on the time of each command, one kind of error, and word of when it fails and recovers.
 */
export class SupervisedStore {
  readonly #store: TokenStore;
  readonly #clock: Clock;
  readonly #availability: StoreAvailability;
  #failing = false;

  constructor(store: TokenStore, clock: Clock, availability: StoreAvailability) {
    this.#store = store;
    this.#clock = clock;
    this.#availability = availability;
  }

  get failing(): boolean {
    return this.#failing;
  }

  get canWatch(): boolean {
    return this.#store.watch !== undefined;
  }

  now(): Promise<number> {
    return this.#bounded(
      'now',
      this.#call(() => this.#store.now()),
    );
  }

  get(ids: readonly string[]): Promise<(StoredDocument | undefined)[]> {
    return this.#bounded(
      'get',
      this.#call(() => this.#store.get(ids)),
    );
  }

  set(
    id: string,
    data: JsonObject,
    expected: number,
    options?: { readonly due?: Due; readonly lease?: Lease },
  ): Promise<number | undefined> {
    return this.#bounded(
      'set',
      this.#call(() => this.#store.set(id, data, expected, options)),
    );
  }

  delete(id: string, expected: number): Promise<boolean> {
    return this.#bounded(
      'delete',
      this.#call(() => this.#store.delete(id, expected)),
    );
  }

  async *list(
    prefix: string,
    options?: { readonly after?: string; readonly limit?: number },
  ): AsyncIterable<StoredDocument> {
    const documents = this.#store.list(prefix, options)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.#bounded(
          'list',
          this.#call(() => documents.next()),
        );
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      // Not waited for: a generator that hangs within `next` never answers `return` either.
      void this.#call(async () => documents.return?.()).catch(() => {});
    }
  }

  async lease(id: string, ttlMs: number): Promise<Lease | undefined> {
    const asked = this.#call(() => this.#store.lease(id, ttlMs));
    try {
      return await this.#bounded('lease', asked);
    } catch (error) {
      asked.then((lease) => lease?.release()).catch(() => {});
      throw error;
    }
  }

  /** Gives a lease back as well as that can be done: one that is not given back lapses by itself. */
  async release(lease: Lease): Promise<void> {
    await this.#bounded(
      'release',
      this.#call(() => lease.release()),
    ).catch(() => {});
  }

  async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    const asked = this.#call(async () => this.#store.watch?.(changed));
    const end = await this.#bounded('watch', asked).catch((error: unknown) => {
      asked.then((late) => late?.()).catch(() => {});
      throw error;
    });
    return async () => {
      await this.#bounded(
        'watch',
        this.#call(async () => end?.()),
      ).catch(() => {});
    };
  }

  async close(): Promise<void> {
    await this.#bounded(
      'close',
      this.#call(() => this.#store.close()),
    );
  }

  async #call<Result>(command: () => Promise<Result>): Promise<Result> {
    return command();
  }

  #bounded<Result>(command: string, asked: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(
        () => reject(this.#failed(command, `did not answer within ${COMMAND_TIMEOUT_MS} ms`, undefined)),
        COMMAND_TIMEOUT_MS,
        { ref: true },
      );
      asked.then(
        (result) => {
          timer.cancel();
          this.#worked();
          resolve(result);
        },
        (error: unknown) => {
          timer.cancel();
          reject(this.#failed(command, 'failed', error));
        },
      );
    });
  }

  #worked(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#availability.available();
  }

  #failed(command: string, what: string, error: unknown): TokenError {
    const cause = error === undefined ? undefined : safeCause(error);
    const detail = cause === undefined ? '' : `: ${cause.message}`;
    const failure = new TokenError('STORE_UNAVAILABLE', `the store's ${command} ${what}${detail}`, {
      retryable: true,
      cause,
    });
    if (!this.#failing) {
      this.#failing = true;
      this.#availability.unavailable(failure);
    }
    return failure;
  }
}
