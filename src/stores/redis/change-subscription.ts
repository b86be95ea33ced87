import { type ClockTimer, systemClock } from '../../core/concurrency/clock.js';
import type { ChangeListener } from '../../core/model/store.js';
import type { RedisDriver } from './redis-driver.js';
import { RedisFailure } from './redis-failure.js';

const SUBSCRIBE_WITHIN_MS = 2_000;
/**
 * The interval at which the subscription is repeated. Clients of `ioredis` and `iovalkey` notice that a connection has fallen
 * silent only when a command is not answered, and a subscriber sends none of its own.
 */
const REPEAT_MS = 5_000;

interface OpenSubscription {
  /** Closes the connection at once. */
  close(): void;
}

/** Subscribes to changes on a separate connection, which all watchers share and the last one closes. */
export class ChangeSubscription {
  readonly #client: RedisDriver;
  readonly #channel: string;
  readonly #watchers = new Set<ChangeListener>();
  #connection: Promise<OpenSubscription> | undefined;

  /** @param client - the client whose settings the connection uses. */
  constructor(client: RedisDriver, channel: string) {
    this.#client = client;
    this.#channel = channel;
  }

  async add(changed: ChangeListener): Promise<() => Promise<void>> {
    const watcher: ChangeListener = (id, version) => changed(id, version);
    this.#watchers.add(watcher);
    try {
      await (this.#connection ??= this.#connect());
    } catch (error) {
      this.#watchers.delete(watcher);
      this.#connection = undefined;
      throw error;
    }
    return () => this.#remove(watcher);
  }

  async end(): Promise<void> {
    this.#watchers.clear();
    await this.#disconnect();
  }

  async #remove(watcher: ChangeListener): Promise<void> {
    if (this.#watchers.delete(watcher) && this.#watchers.size === 0) await this.#disconnect();
  }

  async #disconnect(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.then(
      (open) => open.close(),
      () => undefined,
    );
  }

  async #connect(): Promise<OpenSubscription> {
    const driver = this.#client.duplicate();
    // The listener stays for the life of the connection. Some clients reconnect endlessly and report failures by this
    // event only.
    const failed = new Promise<never>((_, reject) => driver.on('error', reject));
    try {
      await within(SUBSCRIBE_WITHIN_MS, Promise.race([this.#subscribe(driver), failed]));
    } catch (error) {
      driver.close();
      throw RedisFailure.of(error);
    }
    for (const event of driver.resumed) driver.on(event, () => this.#resume(driver));
    const endRepeating = this.#repeat(driver);
    return {
      close: () => {
        endRepeating();
        driver.close();
      },
    };
  }

  /** Repeats the subscription until it is told to end, with one command under way at most. */
  #repeat(driver: RedisDriver): () => void {
    let timer: ClockTimer | undefined;
    let isEnded = false;
    const schedule = (): void => {
      if (!isEnded) timer = systemClock.setTimer(repeat, REPEAT_MS);
    };
    const repeat = (): void => {
      if (driver.state === 'ready') driver.subscribe(this.#channel, this.#heard).then(schedule, schedule);
      else schedule();
    };
    schedule();
    return () => {
      isEnded = true;
      timer?.cancel();
    };
  }

  async #subscribe(driver: RedisDriver): Promise<void> {
    await driver.open();
    await driver.subscribe(this.#channel, this.#heard);
  }

  /** Subscribes again after a reconnect. Clients do this themselves, but not all of them report when it is done. */
  #resume(driver: RedisDriver): void {
    driver.subscribe(this.#channel, this.#heard).then(
      () => this.#tell(undefined),
      () => undefined,
    );
  }

  /** Parses a message: the new version, 0 for a delete, and the id. */
  readonly #heard = (message: string): void => {
    this.#tell(message.slice(message.indexOf(' ') + 1), Number.parseInt(message, 10));
  };

  #tell(id: string | undefined, version?: number): void {
    for (const watcher of this.#watchers) watcher(id, version);
  }
}

function within(ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = new RedisFailure(`Redis did not subscribe within ${ms} ms`);
    const timer = systemClock.setTimer(() => reject(late), ms, { ref: true });
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
