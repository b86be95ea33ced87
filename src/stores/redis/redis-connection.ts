import { systemClock } from '../../core/concurrency/clock.js';
import { StoreFailure } from '../../core/primitives/store-failure.js';
import type { RedisDriver } from './redis-driver.js';
import { RedisFailure } from './redis-failure.js';
import type { RedisScript } from './redis-script.js';

const FIRST_CONNECT_MS = 2_000;
/** The limit of commands that wait for an answer. Further ones are refused, because the server has stopped answering. */
const MAX_WAITING = 1_000;
const SILENT_AFTER_MS = 2_000;

/**
 * Sends commands while the client is connected. Otherwise they fail at once instead of waiting in the client's queue,
 * except for a short time during the first connect.
 */
export class RedisConnection {
  readonly #driver: RedisDriver;
  /** The pending connect, if this class has opened the client. */
  #opening: Promise<unknown> | undefined;
  #isOpening = false;
  #connectBy: number | undefined;
  #connecting: Promise<void> | undefined;
  #lastError: unknown;
  #waiting = 0;
  #answeredAt = 0;
  #closed = false;

  constructor(driver: RedisDriver) {
    this.#driver = driver;
    driver.on('error', this.#failed);
    driver.on(driver.connected, this.#connected);
    if (driver.state === 'ready') this.#connected();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Throws if the store is closed. */
  assertOpen(): void {
    if (this.#closed) throw new StoreFailure('the store is closed');
  }

  /** Throws if the client is closed and will not connect again. */
  assertUsable(): void {
    if (this.#driver.state !== 'closed') return;
    throw new RedisFailure(`the Redis client is closed${this.#reason()}`);
  }

  /**
   * Sends a command, unless the store is closed, so that no command follows the close.
   *
   * @throws a `RedisFailure`; a `StoreFailure` once the store is closed.
   */
  async send(args: readonly string[], key: string): Promise<unknown> {
    this.assertOpen();
    if (this.#driver.state !== 'ready') await this.#connect();
    this.assertOpen();
    if (this.#waiting >= MAX_WAITING && systemClock.monotonic() - this.#answeredAt > SILENT_AFTER_MS) {
      throw new RedisFailure('Redis does not answer');
    }
    if (this.#waiting === 0) this.#answeredAt = systemClock.monotonic();
    this.#waiting += 1;
    try {
      const answer = await this.#driver.send(args, key);
      this.#answeredAt = systemClock.monotonic();
      return answer;
    } catch (error) {
      throw RedisFailure.of(error, args.slice(1));
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Runs a script in one round trip, or two if Redis has not cached it yet. */
  async run(script: RedisScript, keys: readonly string[], args: readonly string[] = []): Promise<unknown> {
    const [key = ''] = keys;
    const operands = [String(keys.length), ...keys, ...args];
    try {
      return await this.send(['evalsha', script.sha, ...operands], key);
    } catch (error) {
      if (!(error instanceof RedisFailure) || error.code !== 'NOSCRIPT') throw error;
      return this.send(['eval', script.text, ...operands], key);
    }
  }

  /** Returns the client to its owner in its original state: a connection that was opened here is closed. */
  close(): void {
    this.#closed = true;
    this.#driver.off(this.#driver.connected, this.#connected);
    if (this.#opening === undefined) {
      this.#driver.off('error', this.#failed);
      return;
    }
    this.#driver.close();
    // A pending connect may still fail, and without a listener that error would end the process.
    void this.#opening.finally(() => this.#driver.off('error', this.#failed));
  }

  async #connect(): Promise<void> {
    this.assertUsable();
    if (this.#driver.state === 'unopened' && !this.#isOpening) this.#open();
    this.#connectBy ??= systemClock.monotonic() + FIRST_CONNECT_MS;
    const leftMs = this.#connectBy - systemClock.monotonic();
    if (this.#driver.state === 'connecting' && leftMs > 0) {
      this.#connecting ??= this.#firstConnect(leftMs).finally(() => {
        this.#connecting = undefined;
      });
      await this.#connecting;
    }
    if (this.#driver.state === 'ready' || this.#closed) return;
    this.assertUsable();
    throw this.#lastError === undefined ? new RedisFailure('no connection to Redis') : RedisFailure.of(this.#lastError);
  }

  #open(): void {
    this.#isOpening = true;
    this.#opening = this.#driver
      .open()
      .catch(() => undefined)
      .finally(() => {
        this.#isOpening = false;
      });
  }

  /** Resolves when the connect has succeeded, failed or timed out. */
  #firstConnect(withinMs: number): Promise<void> {
    const events = [this.#driver.connected, 'error', 'end'];
    return new Promise((resolve) => {
      const settle = (): void => {
        timer.cancel();
        for (const event of events) this.#driver.off(event, settle);
        resolve();
      };
      const timer = systemClock.setTimer(settle, withinMs, { ref: true });
      for (const event of events) this.#driver.on(event, settle);
    });
  }

  #reason(): string {
    return this.#lastError === undefined ? '' : `: ${RedisFailure.of(this.#lastError).message}`;
  }

  readonly #failed = (error?: unknown): void => {
    this.#lastError = error;
    this.#connectBy = Number.NEGATIVE_INFINITY;
  };

  readonly #connected = (): void => {
    this.#lastError = undefined;
    this.#connectBy = Number.NEGATIVE_INFINITY;
  };
}
