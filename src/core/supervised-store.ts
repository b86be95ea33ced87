import type { Clock } from './clock.js';
import { safeCause, TokenError } from './errors.js';
import { isJsonObject, type JsonObject } from './json.js';
import type { Due, Lease, StoredDocument, TokenStore } from './store.js';
import { COMMAND_TIMEOUT_MS } from './time-limits.js';

type Command = 'now' | 'get' | 'list' | 'watch' | 'set' | 'delete' | 'lease' | 'release' | 'close';

const READS: readonly Command[] = ['now', 'get', 'list', 'watch'];

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
  /** What fails now: reading may work while writing does not. */
  readonly #failing = new Set<'read' | 'write'>();

  constructor(store: TokenStore, clock: Clock, availability: StoreAvailability) {
    this.#store = store;
    this.#clock = clock;
    this.#availability = availability;
  }

  get failing(): boolean {
    return this.#failing.size > 0;
  }

  get canWatch(): boolean {
    return this.#store.watch !== undefined;
  }

  now(): Promise<number> {
    return this.#command('now', async () => checkedInstant(await this.#store.now()));
  }

  get(ids: readonly string[]): Promise<(StoredDocument | undefined)[]> {
    return this.#command('get', async () => checkedDocuments(ids, await this.#store.get(ids)));
  }

  set(
    id: string,
    data: JsonObject,
    expected: number,
    options?: { readonly due?: Due; readonly lease?: Lease },
  ): Promise<number | undefined> {
    return this.#command('set', () => this.#store.set(id, data, expected, options));
  }

  delete(id: string, expected: number): Promise<boolean> {
    return this.#command('delete', () => this.#store.delete(id, expected));
  }

  async *list(
    prefix: string,
    options?: { readonly after?: string; readonly limit?: number },
  ): AsyncIterable<StoredDocument> {
    const documents = await this.#command('list', async () =>
      this.#store.list(prefix, options)[Symbol.asyncIterator](),
    );
    try {
      for (;;) {
        const next = await this.#command('list', () => documents.next());
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
      return await this.#bounded(
        'lease',
        asked.then((lease) => {
          if (lease?.document !== undefined) checkedDocument(id, lease.document);
          return lease;
        }),
      );
    } catch (error) {
      asked.then((lease) => lease?.release()).catch(() => {});
      throw error;
    }
  }

  /** Gives a lease back as well as that can be done: one that is not given back lapses by itself. */
  async release(lease: Lease): Promise<void> {
    await this.#command('release', () => lease.release()).catch(() => {});
  }

  async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    const asked = this.#call(async () => this.#store.watch?.(changed));
    const end = await this.#bounded('watch', asked).catch((error: unknown) => {
      asked.then((late) => late?.()).catch(() => {});
      throw error;
    });
    return async () => {
      await this.#command('watch', async () => end?.()).catch(() => {});
    };
  }

  async close(): Promise<void> {
    await this.#command('close', () => this.#store.close());
  }

  #command<Result>(name: Command, run: () => Promise<Result>): Promise<Result> {
    return this.#bounded(name, this.#call(run));
  }

  async #call<Result>(command: () => Promise<Result>): Promise<Result> {
    return command();
  }

  #bounded<Result>(command: Command, asked: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(
        () => reject(this.#failed(command, `did not answer within ${COMMAND_TIMEOUT_MS} ms`, undefined)),
        COMMAND_TIMEOUT_MS,
        { ref: true },
      );
      asked.then(
        (result) => {
          timer.cancel();
          this.#worked(command);
          resolve(result);
        },
        (error: unknown) => {
          timer.cancel();
          reject(this.#failed(command, 'failed', error));
        },
      );
    });
  }

  #worked(command: Command): void {
    if (!this.#failing.delete(kindOf(command)) || this.#failing.size > 0) return;
    this.#availability.available();
  }

  #failed(command: Command, what: string, error: unknown): TokenError {
    const cause = error === undefined ? undefined : safeCause(error);
    const detail = cause === undefined ? '' : `: ${cause.message}`;
    const failure = new TokenError('STORE_UNAVAILABLE', `the store's ${command} ${what}${detail}`, {
      retryable: true,
      cause,
    });
    const isNews = this.#failing.size === 0;
    this.#failing.add(kindOf(command));
    if (isNews) this.#availability.unavailable(failure);
    return failure;
  }
}

function kindOf(command: Command): 'read' | 'write' {
  return READS.includes(command) ? 'read' : 'write';
}

/** What a store answers is believed only where it answers the question. */
function checkedDocuments(ids: readonly string[], documents: unknown): (StoredDocument | undefined)[] {
  const answers = Array.isArray(documents) ? (documents as (StoredDocument | undefined | null)[]) : [];
  if (answers.length !== ids.length) throw new WrongAnswer('as many documents as ids');
  return answers.map((document, index) => checkedDocument(ids[index] as string, document));
}

function checkedDocument(id: string, document: StoredDocument | undefined | null): StoredDocument | undefined {
  if (document === undefined || document === null) return undefined;
  if (document.id !== id || !Number.isFinite(document.version) || !isJsonObject(document.data)) {
    throw new WrongAnswer('the document with the id that was asked for');
  }
  return document;
}

function checkedInstant(now: unknown): number {
  if (typeof now !== 'number' || !Number.isFinite(now)) throw new WrongAnswer('epoch milliseconds');
  return now;
}

/** The store answers something else than it must. */
class WrongAnswer extends Error {
  override readonly name: string = 'WrongAnswer';

  constructor(expected: string) {
    super(`the store must answer ${expected}`);
  }
}
