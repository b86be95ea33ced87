import type { RefreshedEvent } from '../core/events.js';
import { Schedule } from '../core/schedule.js';
import { Slots } from '../core/slots.js';
import { keyId, parseKey, type TokenKey, tokenKey } from '../core/token-key.js';
import { Delivery, type DeliveryParts } from './delivery.js';
import { HostTurns } from './host-turns.js';

const MAX_LOOKING = 16;
const RETRY_MS = 5_000;
/** After a start everything is looked at within this time, and not all at once. */
const START_SPREAD_MS = 10_000;
const CHANGE_SPREAD_MS = 1_000;
/** Who has refreshed a token delivers it; the others look whether that was done. */
const OTHERS_LOOK_AFTER_MS = { least: 5_000, spread: 5_000 };

/** Tells the targets of `notify` of new tokens: when to look, one look at a key at a time, and whose turn it is. */
export class Deliveries {
  readonly #parts: DeliveryParts;
  readonly #schedule: Schedule;
  readonly #looking = new Slots(MAX_LOOKING);
  readonly #turns = new HostTurns();
  readonly #underWay = new Map<string, Promise<void>>();
  /** Keys that became due again while they were under way. */
  readonly #again = new Set<string>();
  #isStopping = false;
  readonly #refreshed = (event: RefreshedEvent): void => this.#onRefreshed(event);

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#schedule = new Schedule(parts.engine.clock, async (id) => this.#onDue(id));
  }

  /** What was owed when the process before this one ended is owed still. */
  start(): void {
    const { registry, clock, events } = this.#parts.engine;
    events.on('refreshed', this.#refreshed);
    for (const { key, notify } of registry.tasks()) {
      if (notify !== undefined) this.#lookIn(key, clock.random() * START_SPREAD_MS);
    }
    this.#schedule.start();
  }

  taskChanged(key: TokenKey): void {
    const { registry, clock } = this.#parts.engine;
    if (registry.task(key)?.notify !== undefined) this.#lookIn(key, clock.random() * CHANGE_SPREAD_MS);
  }

  taskRemoved(key: TokenKey): void {
    this.#schedule.delete(keyId(key));
  }

  /** Those that wait for their turn are left for the next start; those under way end within seconds. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#schedule.stop();
    this.#parts.engine.events.off('refreshed', this.#refreshed);
    await Promise.allSettled(this.#underWay.values());
  }

  #onRefreshed({ appid, type, subject, source }: RefreshedEvent): void {
    const { registry, clock } = this.#parts.engine;
    const key = tokenKey(appid, type, subject);
    if (registry.task(key)?.notify === undefined) return;
    const { least, spread } = OTHERS_LOOK_AFTER_MS;
    this.#lookIn(key, source === 'store' ? least + clock.random() * spread : 0);
  }

  #lookIn(key: TokenKey, delayMs: number): void {
    this.#schedule.set(keyId(key), this.#parts.engine.clock.now() + delayMs);
  }

  #onDue(id: string): void {
    if (this.#underWay.has(id)) {
      this.#again.add(id);
      return;
    }
    const key = parseKey(`key/${id}`) as TokenKey;
    const work = this.#work(key).then((lookAt) => {
      this.#underWay.delete(id);
      const at = this.#again.delete(id) ? this.#parts.engine.clock.now() : lookAt;
      if (at !== undefined && !this.#isStopping) this.#schedule.set(id, at);
    });
    this.#underWay.set(id, work);
  }

  /** When to look again; it never rejects. */
  async #work(key: TokenKey): Promise<number | undefined> {
    const { registry, clock } = this.#parts.engine;
    const notify = registry.task(key)?.notify;
    if (notify === undefined) return undefined;
    const delivery = new Delivery(key, notify, this.#parts);
    try {
      const owedAt = await this.#looking.run(async () => (this.#isStopping ? undefined : delivery.owedAt()));
      if (owedAt === undefined) return this.#isUnwritten(key) ? clock.now() + RETRY_MS : undefined;
      if (owedAt > clock.now()) return owedAt;
      const { hostname } = new URL(notify);
      return await this.#turns.run(hostname, undefined, async () => (this.#isStopping ? undefined : delivery.run()));
    } catch {
      // The store has failed, which it tells itself.
      return clock.now() + RETRY_MS + clock.random() * RETRY_MS;
    }
  }

  /** What the store has not taken yet is delivered when it has. */
  #isUnwritten(key: TokenKey): boolean {
    const held = this.#parts.engine.records.cache.get(key);
    return held !== undefined && held.confirmedAtMonotonic === undefined;
  }
}
