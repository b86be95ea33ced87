import { NOT_QUEUED, type Queued } from '../core/concurrency/due-queue.js';
import { Semaphore } from '../core/concurrency/semaphore.js';
import { TimerQueue } from '../core/concurrency/timer-queue.js';
import { fullJitterMs } from '../core/model/backoff.js';
import { toTokenError } from '../core/model/errors.js';
import { type RefreshedEvent, tokenEvent } from '../core/model/events.js';
import type { Lease } from '../core/model/store.js';
import { documentId, keyId, type TokenKey, tokenKey } from '../core/model/token-key.js';
import { Delivery, type DeliveryParts } from './delivery.js';
import { HostTurns, turnOf } from './host-turns.js';

/** A key in the schedule, to be checked for a pending delivery. */
interface Look extends Queued {
  readonly key: TokenKey;
}

/** A check or a delivery of one key that is in progress. */
interface UnderWay {
  readonly notify: string;
  readonly work: Promise<void>;
  /** The controller that ends the wait for a slot of the host. */
  readonly waiting: AbortController;
  /** The time of the next check, if the key became due again in the meantime. */
  againAt?: number;
}

const MAX_LOOKING = 16;
const MAX_DELIVERING_PER_HOST = 2;
const RETRY_MS = 5_000;
const MAX_RETRY_MS = 600_000;
/** The time over which the checks after a start are spread, so that they do not all run at once. */
const START_SPREAD_MS = 10_000;
const CHANGE_SPREAD_MS = 1_000;
/** The delay after which other processes check whether the process that refreshed a token has delivered it. */
const OTHERS_LOOK_AFTER_MS = { least: 5_000, spread: 5_000 };

/**
 * Notifies the targets of `notify` of new tokens: it schedules the checks, runs one check of a key at a time, and limits
 * the deliveries to each host.
 */
export class Deliveries {
  readonly #parts: DeliveryParts;
  readonly #schedule: TimerQueue<Look>;
  /** The scheduled checks, by the id of the key. */
  readonly #looks = new Map<string, Look>();
  readonly #looking = new Semaphore(MAX_LOOKING);
  readonly #turns: HostTurns;
  readonly #underWay = new Map<string, UnderWay>();
  /**
   * The number of consecutive failures that the target did not cause, with the delivery, which remembers an accepted
   * token that is not recorded in the store yet.
   */
  readonly #setbacks = new Map<string, { readonly attempts: number; readonly delivery: Delivery }>();
  #isStopping = false;
  readonly #refreshed = ({ appid, type, subject, source }: RefreshedEvent): void =>
    this.#onRefresh(tokenKey(appid, type, subject), source);
  #endExtensions: (() => void) | undefined;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#turns = new HostTurns(MAX_DELIVERING_PER_HOST, parts.clock);
    this.#schedule = new TimerQueue(parts.clock, async (look) => this.#onDue(look));
  }

  /** Starts the deliveries. Deliveries that were pending when the previous process ended are still made. */
  start(): void {
    const { registry, records, clock, events } = this.#parts;
    events.on('refreshed', this.#refreshed);
    this.#endExtensions = records.onExtension((key, source) => this.#onRefresh(key, source));
    for (const { key, notify } of registry.tasks()) {
      if (notify !== undefined) this.#lookIn(key, clock.random() * START_SPREAD_MS);
    }
    this.#schedule.start();
  }

  taskChanged(key: TokenKey): void {
    const { registry, clock } = this.#parts;
    const notify = registry.task(key)?.notify;
    const underWay = this.#underWay.get(keyId(key));
    if (underWay !== undefined && underWay.notify !== notify) underWay.waiting.abort();
    if (notify !== undefined) this.#lookIn(key, clock.random() * CHANGE_SPREAD_MS);
  }

  taskRemoved(key: TokenKey): void {
    const id = keyId(key);
    this.#underWay.get(id)?.waiting.abort();
    this.#setbacks.delete(id);
    const look = this.#looks.get(id);
    if (look === undefined) return;
    this.#schedule.delete(look);
    this.#looks.delete(id);
  }

  /**
   * Makes a delivery that became due in the schedule of the fleet, for example because the process that was responsible
   * for it has died. The lease is not held while the delivery waits for a slot of the host: if this process dies as well,
   * the delivery becomes due again for another one.
   */
  async deliver(key: TokenKey, lease: Lease): Promise<void> {
    const { store, registry } = this.#parts;
    try {
      // The change notification for the task may not have arrived in this process yet.
      if (registry.task(key)?.notify === undefined) await registry.reload(documentId('task', key));
      const notify = registry.task(key)?.notify;
      if (notify === undefined) {
        if (lease.document !== undefined) await store.delete(lease.id, lease.document.version);
      } else if (!this.#isStopping) {
        const delivery = new Delivery(key, notify, this.#parts);
        if (await delivery.putOff(lease)) this.#lookIn(key, 0);
      }
    } catch {
      // A document that cannot be read keeps its lease until that expires. Failures of the store are reported by the
      // store itself.
      return;
    }
    await store.release(lease);
  }

  /** Stops the deliveries. Those that wait for a slot are left for the next start; those in progress end within seconds. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#schedule.stop();
    this.#parts.events.off('refreshed', this.#refreshed);
    this.#endExtensions?.();
    for (const { waiting } of this.#underWay.values()) waiting.abort();
    await Promise.allSettled([...this.#underWay.values()].map(({ work }) => work));
  }

  #onRefresh(key: TokenKey, source: RefreshedEvent['source']): void {
    const { registry, clock } = this.#parts;
    if (registry.task(key)?.notify === undefined) return;
    const { least, spread } = OTHERS_LOOK_AFTER_MS;
    this.#lookIn(key, source === 'store' ? least + clock.random() * spread : 0);
  }

  #lookIn(key: TokenKey, delayMs: number): void {
    const id = keyId(key);
    const at = this.#parts.clock.now() + delayMs;
    const underWay = this.#underWay.get(id);
    if (underWay === undefined) this.#lookAt(key, at);
    else underWay.againAt = Math.min(at, underWay.againAt ?? at);
  }

  #lookAt(key: TokenKey, at: number): void {
    const id = keyId(key);
    let look = this.#looks.get(id);
    if (look === undefined) this.#looks.set(id, (look = { key, place: NOT_QUEUED }));
    this.#schedule.set(look, at);
  }

  #onDue({ key }: Look): void {
    const id = keyId(key);
    this.#looks.delete(id);
    const notify = this.#parts.registry.task(key)?.notify;
    if (notify === undefined || this.#isStopping) return;
    const waiting = new AbortController();
    const work = this.#work(key, notify, waiting.signal).then((lookAt) => {
      const { againAt } = this.#underWay.get(id) ?? {};
      this.#underWay.delete(id);
      const at = Math.min(lookAt ?? Number.POSITIVE_INFINITY, againAt ?? Number.POSITIVE_INFINITY);
      if (Number.isFinite(at) && !this.#isStopping) this.#lookAt(key, at);
    });
    this.#underWay.set(id, { notify, work, waiting });
  }

  /** Returns when to check the key again. It never rejects. */
  async #work(key: TokenKey, notify: string, signal: AbortSignal): Promise<number | undefined> {
    const before = this.#setbacks.get(keyId(key))?.delivery;
    const delivery = before?.notify === notify ? before : new Delivery(key, notify, this.#parts);
    try {
      const lookAt = await this.#deliver(key, delivery, signal);
      this.#setbacks.delete(keyId(key));
      return lookAt;
    } catch (error) {
      return signal.aborted ? undefined : this.#setBack(key, delivery, error);
    }
  }

  async #deliver(key: TokenKey, delivery: Delivery, signal: AbortSignal): Promise<number | undefined> {
    const { clock } = this.#parts;
    const lookAt = await this.#looking.run(async () => (signal.aborted ? undefined : delivery.lookAt()));
    if (lookAt === undefined) return this.#isUnwritten(key) ? clock.now() + RETRY_MS : undefined;
    if (lookAt > clock.now()) return lookAt;
    return this.#turns.run(turnOf(new URL(delivery.notify), key), signal, () => delivery.run());
  }

  /**
   * Records a failure that the target did not cause: a document that cannot be read, or a failing store. Only the first
   * is reported here, because the store reports its own failures.
   */
  #setBack(key: TokenKey, delivery: Delivery, thrown: unknown): number {
    const { clock, events, store, records } = this.#parts;
    const attempts = (this.#setbacks.get(keyId(key))?.attempts ?? 0) + 1;
    this.#setbacks.set(keyId(key), { attempts, delivery });
    const spreadMs = fullJitterMs({ attempts, random: clock.random() }, RETRY_MS, MAX_RETRY_MS);
    const retryAt = Math.round(clock.now() + RETRY_MS + spreadMs);
    if (!store.failing) {
      const version = records.cache.get(key)?.version ?? 0;
      const error = toTokenError(thrown, 'STORE_UNAVAILABLE', 'the delivery could not be made', key);
      events.emit('deliveryFailed', { ...tokenEvent(key), version, error, attempt: attempts, retryAt });
    }
    return retryAt;
  }

  /** Returns whether the token is not stored yet. It is delivered once it is. */
  #isUnwritten(key: TokenKey): boolean {
    const held = this.#parts.records.cache.get(key);
    return held !== undefined && !held.isStored;
  }
}
