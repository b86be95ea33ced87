import type { Clock } from '../../core/concurrency/clock.js';
import { APP_READ_RATES, type ReadOutcome, VainReads } from '../../core/concurrency/vain-reads.js';
import type { PushSettings } from '../../core/model/push/push-settings.js';
import { appDocumentId, isAppid } from '../../core/model/token-key.js';
import { boundedCache } from '../../core/primitives/bounded-cache.js';
import type { Registry } from '../../core/registry/registry.js';
import { PushRefused } from '../content/push-refused.js';

export interface PushedAppsParts {
  readonly registry: Pick<Registry, 'app' | 'hasApp' | 'reload'>;
  readonly clock: Pick<Clock, 'monotonic' | 'setTimer'>;
  /** Resolves when the store has answered for the first time. */
  opened(): Promise<void>;
}

/** The time for which an app is not read again after a push that was not accepted. */
const READ_AGAIN_AFTER_MS = 5_000;
const MAX_REMEMBERED = 1_000;

/** Finds the settings of the apps that are pushed to, and limits the reads of the store that anyone's pushes cause. */
export class PushedApps {
  readonly #parts: PushedAppsParts;
  readonly #reads: VainReads;
  /** The monotonic times of the last reads that pushes caused, by app. */
  readonly #readAt = boundedCache<string, number>(MAX_REMEMBERED);
  /** The reads in progress, by app, and those that wait for their turn. */
  readonly #reading = new Map<string, Promise<void>>();

  constructor(parts: PushedAppsParts) {
    this.#parts = parts;
    this.#reads = new VainReads(parts.clock, APP_READ_RATES);
  }

  /**
   * Returns the settings of an app.
   *
   * @param sender - the network of the sender; `''` if it is unknown.
   * @throws PushRefused if the app is not registered with settings of pushes, or may not be looked up now; a `TokenError`
   *   with code `STORE_UNAVAILABLE`.
   */
  async settingsOf(appid: string, sender: string): Promise<PushSettings> {
    const { registry } = this.#parts;
    const held = isAppid(appid) && registry.hasApp(appid) ? registry.app(appid)?.push : undefined;
    const found = held ?? (await this.changedSettingsOf(appid, sender));
    if (found === undefined) throw new PushRefused(404, 'no app with this appid is registered for pushes');
    return found;
  }

  /**
   * Returns the settings of an app that is missing, or whose settings do not fit a push, since they may have been changed
   * elsewhere and the notification not have arrived yet. The app is read again, unless it was read a moment ago.
   *
   * @throws PushRefused if too many apps are being read; a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async changedSettingsOf(appid: string, sender: string): Promise<PushSettings | undefined> {
    const { registry, clock, opened } = this.#parts;
    if (!isAppid(appid)) return undefined;
    await opened();
    const now = clock.monotonic();
    const readAt = this.#readAt.get(appid) ?? Number.NEGATIVE_INFINITY;
    // Pushes that arrive together share a read: after a start many are for an app that is not in memory yet.
    let reading = this.#reading.get(appid);
    if (reading === undefined && now - readAt >= READ_AGAIN_AFTER_MS) {
      reading = this.#read(appid, sender, now).finally(() => this.#reading.delete(appid));
      this.#reading.set(appid, reading);
    }
    await reading;
    return registry.app(appid)?.push;
  }

  async #read(appid: string, sender: string, now: number): Promise<void> {
    const { registry } = this.#parts;
    const wasHeld = registry.hasApp(appid);
    const read = async (): Promise<ReadOutcome> => {
      // A failed read has shown nothing, and is repeated for the next push.
      await registry.reload(appDocumentId(appid));
      this.#readAt.set(appid, now);
      return !wasHeld && registry.hasApp(appid) ? 'found' : 'vain';
    };
    const outcome = await this.#reads.run(sender, read, (shown) => shown);
    if (outcome === undefined) {
      throw new PushRefused(429, 'too many apps that are not in memory are being looked up: try again later');
    }
  }
}
