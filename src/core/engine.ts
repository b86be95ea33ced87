import { Allowances } from './allowance.js';
import type { CallbackPort } from './callback-port.js';
import { Deadline } from './deadline.js';
import { DocumentReader } from './document-reader.js';
import { EarlyAnswers } from './early-answers.js';
import { closedError } from './errors.js';
import type { Events } from './events.js';
import { Failures } from './failures.js';
import { assertGrantNames, receivedToken, storedGrant } from './grant.js';
import { GrantWriter } from './grant-writer.js';
import type { JsonObject } from './json.js';
import { type StoredGrant, withValue } from './key-document.js';
import { Meters } from './meters.js';
import type { ResolvedOptions } from './options.js';
import { type CachedRecord, RecordCache } from './record-cache.js';
import { Records } from './records.js';
import { Refresh } from './refresh.js';
import type { RefreshTimes } from './refresh-policy.js';
import type { BuiltInRefresher, Grant, Upstream } from './refresher.js';
import { Registrar } from './registrar.js';
import { Registry } from './registry.js';
import { Schedule } from './schedule.js';
import { SingleFlight } from './single-flight.js';
import { Slots } from './slots.js';
import type { TokenStore } from './store.js';
import { StoreClock } from './store-clock.js';
import { StoreFollower } from './store-follower.js';
import { SupervisedStore } from './supervised-store.js';
import { CLOSE_TIMEOUT_MS } from './time-limits.js';
import { keyId, parseKey, type TokenKey } from './token-key.js';
import { TokenSource } from './token-source.js';
import { UnwrittenGrants } from './unwritten-grants.js';

export interface EngineInput {
  readonly store: TokenStore;
  readonly options: ResolvedOptions;
  readonly events: Events;
  readonly refresherOf: (type: string) => BuiltInRefresher | undefined;
  readonly upstream: (clock: StoreClock) => Upstream;
}

/** A file store has four threads to work with. */
const MAX_PREPARING = 4;

/** Wires the parts together, starts them and stops them. */
export class Engine {
  readonly events: Events;
  readonly clock: StoreClock;
  readonly store: SupervisedStore;
  readonly reader: DocumentReader;
  readonly registry: Registry;
  readonly registrar: Registrar;
  readonly failures: Failures;
  readonly records: Records;
  readonly writer: GrantWriter;
  readonly source: TokenSource;
  readonly early: EarlyAnswers;
  readonly meters: Meters = new Meters();
  readonly #follower: StoreFollower;
  readonly #unwritten: UnwrittenGrants;
  readonly #schedule: Schedule;
  readonly #flights = new SingleFlight<CachedRecord>();
  readonly #upstream: Upstream;
  readonly #timeoutMs: number;
  readonly #times: RefreshTimes;
  readonly #refresherOf: (type: string) => BuiltInRefresher | undefined;
  #started: Promise<void> | undefined;
  /** Resolves when the store has answered for the first time. */
  #opened: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #callbacks: CallbackPort | undefined;
  #isStarted = false;

  constructor({ store, options, events, refresherOf, upstream }: EngineInput) {
    const { clock, times, accessToken, maxCachedRecords, timeoutMs } = options;
    this.events = events;
    this.#timeoutMs = timeoutMs;
    this.#times = times;
    this.store = new SupervisedStore(store, clock, {
      unavailable: (error) => events.emit('storeUnavailable', { error }),
      available: () => events.emit('storeAvailable', {}),
    });
    this.clock = new StoreClock(clock, () => this.store.now(), {
      wentBack: () => this.#wentBack(),
      wentForward: () => this.#schedule.check(),
    });
    this.reader = new DocumentReader(this.store, (quarantined) => events.emit('recordQuarantined', quarantined));
    this.registry = new Registry(this.store, this.reader, {
      taskAdded: (key) => this.#taskAdded(key),
      taskReplaced: (key) => this.#callbacks?.taskChanged(key),
      taskRemoved: (key) => this.#taskRemoved(key),
      registrationChanged: (appid) => this.#registrationChanged(appid),
    });
    this.registrar = new Registrar(this.store, this.reader, this.registry, this.clock);
    const isKept = (key: TokenKey): boolean => this.registry.task(key) !== undefined || this.#isPushed(key.type);
    const cache = new RecordCache(maxCachedRecords, isKept);
    this.records = new Records(cache, this.clock, events, times, (key, version) => this.#readResult(key, version));
    this.#refresherOf = refresherOf;
    this.failures = new Failures(this.store, cache, this.clock, events, (key) => this.#fingerprint(key));
    this.writer = new GrantWriter(this.store, this.reader, this.records, this.clock);
    this.#unwritten = new UnwrittenGrants(this.writer, this.records, this.clock);
    this.#upstream = this.meters.timed(upstream(this.clock), this.clock);
    this.meters.listen(events);
    const { store: supervised, reader, registry, records, failures, writer } = this;
    this.#follower = new StoreFollower({
      store: supervised,
      reader,
      registry,
      records,
      failures,
      writer,
      clock: this.clock,
      isPushed: (type) => this.#isPushed(type),
      changed: (key) => {
        this.source.reschedule(key);
        this.#flights.get(key)?.wake();
        this.#wakeWhoWaitsFor(key);
      },
    });
    this.early = new EarlyAnswers({
      registry,
      records,
      follower: this.#follower,
      start: () => this.start(),
      opened: () => this.#opened,
      isStarted: () => this.#isStarted,
    });
    this.#schedule = new Schedule(this.clock, (id) => this.source.onDue(keyOf(id)));
    this.source = new TokenSource({
      clock: this.clock,
      registry,
      records,
      failures,
      follower: this.#follower,
      refresh: new Refresh({
        store: supervised,
        reader,
        clock: this.clock,
        registry,
        records,
        failures,
        writer,
        unwritten: this.#unwritten,
        allowances: new Allowances(supervised, reader, () => this.clock.now()),
        upstream: this.#upstream,
        times,
        accessToken,
        refresherOf,
        callbacks: () => this.#callbacks,
        meters: this.meters,
        tokenOf: async (key) => (await this.source.acquire(key, 0, this.deadline())).value,
        replaceStale: (key, value) => this.source.refreshStale(key, value, this.deadline()),
        leasing: new Slots(MAX_PREPARING),
        announcing: new Slots(MAX_PREPARING),
        isClosing: () => this.isClosed,
      }),
      flights: this.#flights,
      schedule: this.#schedule,
      events,
      isClosing: () => this.isClosed,
    });
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  get callbacks(): CallbackPort | undefined {
    return this.#callbacks;
  }

  /**
   * @throws TypeError when there are callbacks already, a `TokenError` with code `CLOSED`.
   */
  attach(callbacks: CallbackPort): void {
    if (this.#callbacks !== undefined) throw new TypeError('callbacks are attached to this manager already');
    if (this.isClosed) throw closedError();
    this.#callbacks = callbacks;
    if (this.#isStarted) callbacks.start();
  }

  deadline(timeoutMs: number = this.#timeoutMs, signal?: AbortSignal): Deadline {
    return new Deadline(this.clock, timeoutMs, signal);
  }

  /** Reads what the store remembers and begins to keep it fresh. Every call needs it; a failed start is tried again. */
  start(): Promise<void> {
    if (this.isClosed) return Promise.reject(closedError());
    this.#started ??= this.#start().catch((error: unknown) => {
      this.#started = undefined;
      throw error;
    });
    return this.#started;
  }

  /** Resolves when the store has answered, long before everything is read where that is much. */
  async opened(): Promise<void> {
    this.start().catch(() => {});
    await this.#opened;
  }

  async unregister(appid: string, key: TokenKey | undefined): Promise<void> {
    if (key === undefined) await this.registrar.unregisterApp(appid);
    else await this.registrar.unregisterTask(key);
    this.#unwritten.drop(appid, key);
  }

  /** Stores a grant that was got elsewhere, unless a newer one is stored. */
  async put(key: TokenKey, grant: Grant): Promise<CachedRecord> {
    const { clock, registry, source, writer } = this;
    assertGrantNames(grant);
    await source.assertRegistered(key, this.deadline());
    const now = clock.now();
    const stored = this.#storedPut(key, grant, now);
    const received = receivedToken(grant, stored);
    const document = await writer.read(key);
    const hadTask = registry.task(key) !== undefined;
    const held = await writer.write(key, document, stored, { source: 'put', hadTask, received });
    source.retrySoon(key);
    this.#wakeWhoWaitsFor(key);
    return held;
  }

  /** What is pushed cannot be refreshed, so it is never due before it ends. */
  #storedPut(key: TokenKey, grant: Grant, now: number): StoredGrant {
    const stored = storedGrant(grant, now, now, this.#times, this.clock.random());
    return this.#isPushed(key.type) ? { ...stored, dueAt: stored.expiresAt } : stored;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #start(): Promise<void> {
    this.#opened = this.clock.sync();
    await this.#opened;
    await this.#follower.start();
    await this.#follower.loadAll([...this.registry.tasks()].map(({ key }) => key));
    if (this.isClosed) throw closedError();
    this.clock.start();
    this.#schedule.start();
    this.#unwritten.start();
    this.#isStarted = true;
    this.#callbacks?.start();
  }

  async #close(): Promise<void> {
    this.records.cache.close();
    await this.#started?.catch(() => {});
    this.#schedule.stop();
    this.#unwritten.stop();
    this.clock.stop();
    this.#flights.wakeAll();
    const underWay = Promise.all([this.#flights.settled(), this.#callbacks?.stop()]);
    await this.deadline(CLOSE_TIMEOUT_MS).settles(underWay, CLOSE_TIMEOUT_MS);
    await this.#unwritten.flush();
    await inTurn([() => this.#follower.stop(), () => this.#upstream.close(), () => this.store.close()]);
  }

  #isPushed(type: string): boolean {
    return this.#refresherOf(type)?.pushed === true;
  }

  #fingerprint(key: TokenKey): string {
    const pushed = this.#pushedFor(key).map((needed) => this.records.cache.get(needed)?.record.version ?? 0);
    return [this.registry.fingerprint(key), ...pushed].join(':');
  }

  #pushedFor(key: TokenKey): readonly TokenKey[] {
    return (
      this.#refresherOf(key.type)
        ?.dependsOn?.(key)
        .filter(({ type }) => this.#isPushed(type)) ?? []
    );
  }

  #wakeWhoWaitsFor(key: TokenKey): void {
    if (!this.#isPushed(key.type) || this.records.cache.get(key) === undefined) return;
    for (const task of this.registry.tasksOf(key.appid)) {
      if (this.#pushedFor(task.key).some((needed) => keyId(needed) === keyId(key))) this.source.retrySoon(task.key);
    }
  }

  #taskAdded(key: TokenKey): void {
    const held = this.records.cache.get(key);
    if (held !== undefined) this.records.cache.set(held);
    this.source.reschedule(key);
    this.#callbacks?.taskChanged(key);
  }

  #taskRemoved(key: TokenKey): void {
    this.#callbacks?.taskRemoved(key);
    this.records.cache.delete(key);
    this.source.forget(key);
  }

  #registrationChanged(appid: string): void {
    for (const { key } of this.registry.tasksOf(appid)) this.source.retrySoon(key);
  }

  #wentBack(): void {
    for (const { key } of this.records.distrust()) this.source.reschedule(key);
    this.#schedule.check();
  }

  async #readResult(key: TokenKey, version: number): Promise<JsonObject | undefined> {
    if (this.isClosed) throw closedError();
    const { grant, recordVersion } = await this.writer.read(key);
    if (grant?.result === undefined || recordVersion !== version) return undefined;
    return withValue(grant.result, grant.value);
  }
}

/** Takes every step, and fails with the first failure afterwards. */
async function inTurn(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) await step().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

function keyOf(id: string): TokenKey {
  return parseKey(`key/${id}`) as TokenKey;
}
