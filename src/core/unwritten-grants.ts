import { backoffDelayMs } from './backoff.js';
import { isTokenError } from './errors.js';
import type { GrantWriter, WriteOptions } from './grant-writer.js';
import type { StoredGrant } from './key-document.js';
import type { CachedRecord } from './record-cache.js';
import type { Records } from './records.js';
import { Schedule } from './schedule.js';
import type { StoreClock } from './store-clock.js';
import { keyId, type TokenKey } from './token-key.js';

interface Unwritten {
  readonly key: TokenKey;
  readonly grant: StoredGrant;
  readonly options: WriteOptions;
  readonly version: number;
  attempts: number;
}

/** Grants that the store did not take: served from memory, and offered to it again until it takes them or they end. */
export class UnwrittenGrants {
  readonly #unwritten = new Map<string, Unwritten>();
  readonly #writer: GrantWriter;
  readonly #records: Records;
  readonly #clock: StoreClock;
  readonly #schedule: Schedule;

  constructor(writer: GrantWriter, records: Records, clock: StoreClock) {
    this.#writer = writer;
    this.#records = records;
    this.#clock = clock;
    this.#schedule = new Schedule(clock, (id) => this.#offer(id));
  }

  start(): void {
    this.#schedule.start();
  }

  stop(): void {
    this.#schedule.stop();
  }

  keep(
    key: TokenKey,
    storedVersion: number,
    grant: StoredGrant,
    { lease: _lease, ...options }: WriteOptions,
  ): CachedRecord {
    const version = Math.max(storedVersion, this.#records.cache.get(key)?.record.version ?? 0) + 1;
    const unwritten: Unwritten = { key, grant, options, version, attempts: 0 };
    this.#unwritten.set(keyId(key), unwritten);
    this.#offerLater(unwritten);
    const document = { version, recordVersion: version, grant, unknown: {} };
    return this.#records.adopt(key, document, grant, { ...options, written: false, announceFirst: true });
  }

  async #offer(id: string): Promise<void> {
    const unwritten = this.#unwritten.get(id);
    if (unwritten === undefined) return;
    const { key, grant, options, version } = unwritten;
    const cached = this.#records.cache.get(key);
    const isOutdated = cached?.record.version !== version || grant.expiresAt <= this.#clock.now();
    if (isOutdated) {
      this.#unwritten.delete(id);
      return;
    }
    try {
      await this.#writer.write(key, await this.#writer.read(key), grant, options);
      if (this.#unwritten.get(id) === unwritten) this.#unwritten.delete(id);
    } catch (error) {
      if (isTokenError(error) && error.code === 'NOT_REGISTERED') this.#unwritten.delete(id);
      else this.#offerLater(unwritten);
    }
  }

  #offerLater(unwritten: Unwritten): void {
    unwritten.attempts++;
    const delayMs = backoffDelayMs({
      attempts: unwritten.attempts,
      lifeMs: undefined,
      leftMs: 0,
      random: this.#clock.random(),
    });
    this.#schedule.set(keyId(unwritten.key), this.#clock.now() + delayMs);
  }
}
