import { wait } from '../concurrency/clock.js';
import { NOT_QUEUED, type Queued } from '../concurrency/due-queue.js';
import { TimerQueue } from '../concurrency/timer-queue.js';
import { backoffDelayMs } from '../model/backoff.js';
import type { Deadline } from '../model/deadline.js';
import { isTokenError, type TokenError, withFacts } from '../model/errors.js';
import type { Lease } from '../model/store.js';
import { keyId, type TokenKey } from '../model/token-key.js';
import type { StoredGrant } from '../store/key-document.js';
import type { KeyDocuments } from '../store/key-documents.js';
import { redated } from '../store/redated.js';
import type { Storage } from '../store/storage.js';
import type { StoreClock } from '../store/store-clock.js';
import type { CachedRecord } from './cached-record.js';
import { revocationBy } from './earlier-tokens.js';
import type { GrantWriter, WriteOptions } from './grant-writer.js';
import type { Records } from './records.js';

interface Pending extends Queued {
  readonly key: TokenKey;
  readonly options: WriteOptions;
  /** The instant at which the grant expires, by the monotonic clock. */
  readonly endsAtMonotonic: number;
  attempts: number;
}

/** The pause between two attempts to store pending grants while the manager is closing. */
const FLUSH_EVERY_MS = 500;
/**
 * The maximum pause between two attempts to store a withheld grant. It is a fraction of a lease, because another process
 * sends the spent input again once the lease has expired, although the store may have recovered long before.
 */
const LONGEST_PAUSE_OF_WITHHELD_MS = 2_000;

/** A pending grant that is current until it is stored or expires. */
interface Served extends Pending {
  readonly kind: 'served';
  readonly grant: StoredGrant;
  /** The version under which it is served. */
  readonly version: number;
}

/** A pending grant with the only copy of a refresh token, which becomes current when it is durable. */
interface Withheld extends Pending {
  readonly kind: 'withheld';
  /** The grant; `undefined` if only its refresh token is usable. */
  readonly grant: StoredGrant | undefined;
}

/**
 * Keeps grants that the store has not accepted, and retries storing them. A grant without a refresh token can be
 * requested again, so it is served from memory and forgotten when it expires. A grant with a refresh token is the only
 * copy of that, so it is withheld, and nothing else is requested for the key, until it is stored.
 */
export class PendingGrants {
  readonly #pending = new Map<string, Served | Withheld>();
  readonly #writer: GrantWriter;
  readonly #documents: KeyDocuments;
  readonly #records: Records;
  readonly #clock: StoreClock;
  readonly #schedule: TimerQueue<Served | Withheld>;

  constructor(writer: GrantWriter, { documents, clock }: Pick<Storage, 'documents' | 'clock'>, records: Records) {
    this.#writer = writer;
    this.#documents = documents;
    this.#records = records;
    this.#clock = clock;
    this.#schedule = new TimerQueue(clock, (pending) => this.#offer(pending));
  }

  start(): void {
    this.#schedule.start();
  }

  serve(
    key: TokenKey,
    storedVersion: number,
    grant: StoredGrant,
    { lease: _lease, ...options }: WriteOptions,
  ): CachedRecord {
    const version = Math.max(storedVersion, this.#records.cache.get(key)?.version ?? 0) + 1;
    this.#add({ kind: 'served', key, grant, options, version, ...this.#fresh(grant) });
    const held = this.#records.cache.get(key);
    const { rotation, revokedAt: before } = held ?? {};
    const revokedAt = options.reason === 'forced' ? revocationBy(grant, held, before) : before;
    const document = { version, recordVersion: version, grant, rotation, revokedAt, unknown: {} };
    const adoption = { ...options, written: false, replaces: storedVersion, announceFirst: true };
    return this.#records.adopt(key, document, grant, adoption);
  }

  /**
   * Withholds a grant with a refresh token. The lease is kept until the grant is stored or the lease expires, because
   * another process would send the spent input again.
   *
   * @returns the error for waiting callers, since the grant is not current before it is durable.
   */
  withhold(key: TokenKey, grant: StoredGrant, options: WriteOptions, cause: TokenError): TokenError {
    this.#add({ kind: 'withheld', key, grant, options, ...this.#fresh(grant) });
    return withFacts(cause, { ...key, retryable: true });
  }

  /** Returns whether the lease is kept for a withheld grant. */
  keepsLease(key: TokenKey, lease: Lease): boolean {
    return this.#pending.get(keyId(key))?.options.lease === lease;
  }

  /** Withholds the refresh token of an otherwise unusable answer, and keeps the lease as {@link withhold} does. */
  withholdToken(key: TokenKey, options: WriteOptions): void {
    this.#add({ kind: 'withheld', key, grant: undefined, options, ...this.#fresh(undefined) });
  }

  /**
   * Stores the refresh token of an answer that arrived after the end of its attempt, unless another one has been stored
   * since. It never rejects: if the store fails, the write is retried later.
   */
  async withholdLate(key: TokenKey, options: WriteOptions): Promise<void> {
    try {
      // The result of a later attempt has to be written first.
      await this.write(key);
      this.withholdToken(key, options);
      await this.write(key);
    } catch {
      // Store failures are already reported by the store.
    }
  }

  /**
   * Stores the withheld grant of a key, if there is one.
   *
   * @returns the record that is current then, if a grant was withheld.
   * @throws a `TokenError` while the store does not accept it.
   */
  async write(key: TokenKey): Promise<CachedRecord | undefined> {
    const pending = this.#pending.get(keyId(key));
    return pending?.kind === 'withheld' ? this.#write(pending) : undefined;
  }

  /** Discards the pending grants of an app, or of one task, that has been unregistered. */
  discard(appid: string, key?: TokenKey): void {
    for (const pending of this.#pending.values()) {
      if (key === undefined ? pending.key.appid === appid : keyId(pending.key) === keyId(key)) this.#forget(pending);
    }
  }

  /**
   * Retries storing pending grants before the store is closed: until all are stored and the work in progress has
   * settled, so that no more can follow, or until the deadline.
   *
   * @param underWay - the work in progress, which must not reject.
   */
  async flush(underWay: Promise<unknown>, deadline: Deadline): Promise<void> {
    this.#schedule.stop();
    let hasSettled = false;
    const settled = underWay.then(() => {
      hasSettled = true;
    });
    for (;;) {
      // An attempt that begins after the work in progress has settled covers every pending grant that will ever exist.
      const isOfAll = hasSettled;
      const offered = Promise.allSettled(this.#withheld().map((withheld) => this.#write(withheld)));
      await deadline.settles(offered, deadline.leftMs());
      if ((isOfAll && this.#withheld().length === 0) || deadline.leftMs() <= 0) return;
      const pauseMs = Math.min(FLUSH_EVERY_MS, deadline.leftMs());
      const isRefused = this.#withheld().length > 0;
      await (isRefused ? wait(this.#clock, pauseMs, { ref: true }) : deadline.settles(settled, pauseMs));
    }
  }

  #withheld(): Withheld[] {
    return [...this.#pending.values()].filter((pending) => pending.kind === 'withheld');
  }

  #fresh(grant: StoredGrant | undefined): Pick<Pending, 'endsAtMonotonic' | 'attempts' | 'place'> {
    const leftMs = grant === undefined ? 0 : grant.expiresAt - this.#clock.now();
    return { endsAtMonotonic: this.#clock.monotonic() + leftMs, attempts: 0, place: NOT_QUEUED };
  }

  #redated(grant: StoredGrant, { endsAtMonotonic }: Pending): StoredGrant {
    return redated(grant, this.#clock.now(), endsAtMonotonic - this.#clock.monotonic());
  }

  #add(pending: Served | Withheld): void {
    const id = keyId(pending.key);
    const before = this.#pending.get(id);
    if (before !== undefined) this.#schedule.delete(before);
    this.#pending.set(id, pending);
    this.#offerLater(pending);
  }

  async #offer(pending: Served | Withheld): Promise<void> {
    if (this.#pending.get(keyId(pending.key)) !== pending) return;
    if (this.#isOutdated(pending)) this.#forget(pending);
    else await this.#write(pending).catch(() => this.#offerLater(pending));
  }

  #isOutdated(pending: Served | Withheld): boolean {
    if (pending.kind === 'withheld') return false;
    const held = this.#records.cache.get(pending.key);
    return held?.version !== pending.version || this.#records.leftMs(held) <= 0;
  }

  async #write(pending: Served | Withheld): Promise<CachedRecord | undefined> {
    const { key, grant, options } = pending;
    try {
      const written =
        grant === undefined
          ? await this.#writer.writeToken(key, options)
          : await this.#writer.write(key, await this.#documents.read(key), this.#redated(grant, pending), options);
      this.#forget(pending);
      return written ?? undefined;
    } catch (error) {
      if (isTokenError(error) && error.code !== 'STORE_UNAVAILABLE') this.#forget(pending);
      throw error;
    }
  }

  #forget(pending: Served | Withheld): void {
    const id = keyId(pending.key);
    if (this.#pending.get(id) !== pending) return;
    this.#pending.delete(id);
    void this.#writer.release(pending.options);
  }

  #offerLater(pending: Served | Withheld): void {
    if (this.#pending.get(keyId(pending.key)) !== pending) return;
    pending.attempts++;
    const delayMs = backoffDelayMs({
      attempts: pending.attempts,
      lifeMs: undefined,
      leftMs: 0,
      random: this.#clock.random(),
    });
    const longestMs = pending.kind === 'withheld' ? LONGEST_PAUSE_OF_WITHHELD_MS : Number.POSITIVE_INFINITY;
    this.#schedule.set(pending, this.#clock.now() + Math.min(delayMs, longestMs));
  }
}
