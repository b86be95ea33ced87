import type { CallbackPort } from '../model/callback-port.js';
import { Closing } from '../model/closing.js';
import { Deadline } from '../model/deadline.js';
import type { Events } from '../model/events.js';
import type { ResolvedOptions } from '../model/options.js';
import type { BuiltInRefresher, Grant, Upstream } from '../model/refresher.js';
import type { RegistrationPlan } from '../model/registration.js';
import type { TokenStore } from '../model/store.js';
import { DELIVERY_LANE, type TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import { Failures } from '../records/failures.js';
import { GrantWriter } from '../records/grant-writer.js';
import { RecordCache } from '../records/record-cache.js';
import { RecordChanges } from '../records/record-changes.js';
import { RecordReader } from '../records/record-reader.js';
import { Records } from '../records/records.js';
import { storedResult } from '../records/stored-result.js';
import { UnwrittenGrants } from '../records/unwritten-grants.js';
import type { Claim } from '../refresh/claim.js';
import { SingleFlight } from '../refresh/single-flight.js';
import { HeldTasks, hasParamsFunction } from '../registry/held-task.js';
import { maxHeldDocuments } from '../registry/max-held-documents.js';
import { PushedTokens } from '../registry/pushed-tokens.js';
import { Registrar } from '../registry/registrar.js';
import { Registry } from '../registry/registry.js';
import { ownScheduling, type Scheduling, sharedScheduling } from '../schedule/scheduling.js';
import { DocumentReader } from '../store/document-reader.js';
import { KeyDocuments } from '../store/key-documents.js';
import { LimitSweep } from '../store/limit-sweep.js';
import { StoreClock } from '../store/store-clock.js';
import { SupervisedStore } from '../store/supervised-store.js';
import { EarlyAnswers } from './early-answers.js';
import { flightWork } from './flight-work.js';
import { HeldRecords } from './held-records.js';
import { Lifecycle } from './lifecycle.js';
import { LostFunctions } from './lost-functions.js';
import { Meters } from './meters.js';
import { PutGrants } from './put-grants.js';
import { StoreRecovery } from './store-recovery.js';
import { StoreWatch } from './store-watch.js';
import { taskChanges } from './task-changes.js';
import { TokenSource } from './token-source.js';

export interface EngineInput {
  readonly store: TokenStore;
  readonly options: ResolvedOptions;
  readonly events: Events;
  readonly types: readonly string[];
  readonly refresherOf: (type: string) => BuiltInRefresher | undefined;
  readonly upstream: (clock: StoreClock) => Upstream;
  /** Returns an id that nothing else has. */
  readonly newId: () => string;
}

/** Wires the parts together. */
export class Engine {
  readonly events: Events;
  readonly clock: StoreClock;
  readonly closing: Closing = new Closing();
  readonly store: SupervisedStore;
  readonly reader: DocumentReader;
  readonly documents: KeyDocuments;
  readonly registry: Registry;
  readonly registrar: Registrar;
  readonly failures: Failures;
  readonly records: Records;
  readonly writer: GrantWriter;
  readonly source: TokenSource;
  readonly early: EarlyAnswers;
  readonly meters: Meters = new Meters();
  readonly #pushed: PushedTokens;
  readonly #recordReader: RecordReader;
  readonly #restorer: HeldRecords;
  readonly #unwritten: UnwrittenGrants;
  readonly #puts: PutGrants;
  readonly #recovery: StoreRecovery;
  readonly #scheduling: Scheduling;
  readonly #flights = new SingleFlight<CachedRecord>();
  readonly #timeoutMs: number;
  readonly refreshes: boolean;
  readonly refresherOf: EngineInput['refresherOf'];
  /** The types that this process can refresh. */
  readonly #types: readonly string[];
  readonly #lifecycle: Lifecycle;
  #callbacks: CallbackPort | undefined;

  constructor({ store, options, events, types, refresherOf, upstream, newId }: EngineInput) {
    const { clock, times, pace, maxCachedRecords, timeoutMs } = options;
    this.events = events;
    this.#timeoutMs = timeoutMs;
    this.refreshes = options.refreshes;
    this.refresherOf = refresherOf;
    this.store = new SupervisedStore(store, clock, {
      unavailable: (error) => events.emit('storeUnavailable', { error }),
      available: () => {
        events.emit('storeAvailable', {});
        this.#scheduling.schedule.check();
      },
    });
    this.clock = new StoreClock(clock, () => this.store.now(), {
      wentBack: () => this.#wentBack(),
      wentForward: () => this.#scheduling.schedule.check(),
    });
    this.reader = new DocumentReader(this.store, (quarantined) => events.emit('recordQuarantined', quarantined));
    const isShared = this.store.canClaim;
    const maxHeld = isShared ? maxHeldDocuments(maxCachedRecords) : undefined;
    const tasks = new HeldTasks();
    const lostFunctions = new LostFunctions(this);
    const reading = { recordReader: () => this.#recordReader, restorer: () => this.#restorer };
    this.#recovery = new StoreRecovery(this, { ...reading, newId, isShared });
    this.registry = new Registry(
      this.store,
      this.reader,
      taskChanges({
        records: () => this.records,
        source: () => this.source,
        callbacks: () => this.#callbacks,
        tasksOf: (appid) => tasks.ofApp(appid),
        lostFunctions: () => lostFunctions,
        // Where a fleet shares the schedule, a task that was read for a caller says nothing of when it is due.
        schedulesNewTasks: () => this.#lifecycle.isRegistryLoaded && !isShared,
      }),
      maxHeld,
      tasks,
      this.#recovery.own,
    );
    this.registrar = new Registrar({
      store: this.store,
      reader: this.reader,
      registry: this.registry,
      clock: this.clock,
      closing: this.closing,
      isShared,
      newId,
      hurryApp: (appid) => this.#scheduling.hurryApp(appid),
      listener: this.#recovery,
    });
    this.documents = new KeyDocuments(this.store, this.reader, this.registry);
    const isKept = (key: TokenKey): boolean => this.registry.task(key) !== undefined || this.#pushed.isPushed(key.type);
    const cache = new RecordCache(maxCachedRecords, isKept, isShared ? undefined : tasks);
    const readResult = storedResult(this.clock, this.documents, this.closing);
    this.records = new Records(cache, this.clock, events, times, readResult, this.registry);
    this.#pushed = new PushedTokens({ types, refresherOf, registry: this.registry, cache });
    this.#types = types.filter((type) => !this.#pushed.isPushed(type));
    this.failures = new Failures(this, cache, events, (key) => this.#pushed.fingerprint(key));
    this.writer = new GrantWriter(this, this.records);
    this.#unwritten = new UnwrittenGrants(this.writer, this, this.records);
    const asked = upstream(this.clock);
    this.meters.listen(events);
    const { store: supervised, reader, documents, closing, registry, records, failures, writer } = this;
    const common = {
      store: supervised,
      reader,
      documents,
      clock: this.clock,
      closing,
      registry,
      records,
      failures,
      writer,
    };
    const changes = new RecordChanges();
    const restorer = (this.#restorer = new HeldRecords({ ...common, history: this.#recovery.history, changes }));
    const recordReader = (this.#recordReader = new RecordReader({ ...common, restorer, changes }));
    changes.listen({
      reported: (key, value) => this.#onReported(key, value),
      changed: (key) => {
        this.source.reschedule(key);
        this.#wakeWhoWaitsFor(key);
      },
    });
    const watch = new StoreWatch({ ...common, recordReader, recovery: this.#recovery, pushed: this.#pushed });
    this.early = new EarlyAnswers({
      registry,
      records,
      recordReader,
      start: () => this.start(),
      opened: () => this.#lifecycle.opened,
      isStarted: () => this.#lifecycle.isStarted,
    });
    this.#scheduling = isShared
      ? sharedScheduling({
          ...common,
          limits: pace,
          source: () => this.source,
          lanes: () => this.#lanes(),
          look: (keys) => this.#look(keys),
          deliver: (key, claim) => this.#deliver(key, claim),
          read: (key) => recordReader.read(key),
        })
      : ownScheduling(this.clock, pace, records, (task, place) => this.source.onDue(task, place));
    const run = flightWork({
      ...common,
      options,
      refresherOf,
      recordReader,
      restorer,
      unwritten: this.#unwritten,
      upstream: this.meters.timed(asked, this.clock),
      leaseContentions: this.meters.leaseContentions,
      callbacks: () => this.#callbacks,
      look: (key) => this.#look([key]),
      source: () => this.source,
      deadline: () => this.deadline(),
    });
    this.source = new TokenSource({
      ...common,
      events,
      run,
      fetchesWithoutStore: options.fetchesWithoutStore,
      refreshes: this.refreshes,
      recordReader,
      flights: this.#flights,
      ...this.#scheduling,
    });
    this.#puts = new PutGrants({
      ...common,
      times,
      source: this.source,
      pushed: this.#pushed,
      scheduling: this.#scheduling,
      wakeWhoWaitsFor: (key) => this.#wakeWhoWaitsFor(key),
    });
    this.#lifecycle = new Lifecycle({
      ...common,
      recordReader,
      watch,
      unwritten: this.#unwritten,
      recovery: this.#recovery,
      schedule: this.#scheduling.schedule,
      limits: new LimitSweep(this.store, this.clock),
      flights: this.#flights,
      upstream: asked,
      callbacks: () => this.#callbacks,
      refreshes: options.refreshes,
    });
  }

  get isClosed(): boolean {
    return this.closing.hasBegun;
  }

  get callbacks(): CallbackPort | undefined {
    return this.#callbacks;
  }

  /**
   * @throws TypeError when there are callbacks already, a `TokenError` with code `CLOSED`.
   */
  attach(callbacks: CallbackPort): void {
    if (this.#callbacks !== undefined) throw new TypeError('callbacks are attached to this manager already');
    this.closing.assertOpen();
    this.#callbacks = callbacks;
    if (this.#lifecycle.isStarted && this.refreshes) callbacks.start();
  }

  deadline(timeoutMs: number = this.#timeoutMs, signal?: AbortSignal): Deadline {
    return new Deadline(this.clock, timeoutMs, signal);
  }

  /** Reads what the store remembers and begins to keep it fresh. Every call needs it; a failed start is tried again. */
  start(): Promise<void> {
    return this.#lifecycle.start();
  }

  /** Resolves when the store has answered, long before everything is read where that is much. */
  async opened(): Promise<void> {
    this.start().catch(() => {});
    await this.#lifecycle.opened;
  }

  async register(plan: RegistrationPlan): Promise<void> {
    await this.closing.waitFor(() => this.registrar.register(plan));
    for (const { key } of plan.tasks) this.source.reschedule(key);
  }

  async unregister(appid: string, key: TokenKey | undefined, isStillWanted?: () => boolean): Promise<void> {
    const { registrar } = this;
    await this.closing.waitFor(() =>
      key ? registrar.unregisterTask(key, isStillWanted) : registrar.unregisterApp(appid),
    );
    if (key === undefined) this.records.cache.deleteApp(appid);
    else this.records.cache.delete(key);
    this.#unwritten.drop(appid, key);
  }

  /** Stores a grant that was got elsewhere, unless a newer one is stored. */
  put(key: TokenKey, grant: Grant): Promise<CachedRecord> {
    return this.closing.waitFor(() => this.#puts.put(key, grant, this.deadline()));
  }

  close(): Promise<void> {
    return this.#lifecycle.close();
  }

  /** Reads what has to be known of these keys, and of what they depend on, before they are refreshed. */
  async #look(keys: readonly TokenKey[]): Promise<void> {
    const needed = keys.flatMap((key) => this.#pushed.dependenciesOf(key));
    await this.registry.look([...keys, ...needed]);
    if (!this.registry.holdsAll)
      await Promise.all(this.#pushed.missing(needed).map((key) => this.#recordReader.read(key)));
  }

  #lanes(): readonly string[] {
    return this.#callbacks === undefined ? this.#types : [...this.#types, DELIVERY_LANE];
  }

  async #deliver(key: TokenKey, { lease }: Claim): Promise<void> {
    await (this.#callbacks?.deliver(key, lease) ?? this.store.release(lease));
  }

  /** Refreshes what another process has reported. In a fleet its schedule hands that out, but for functions. */
  #onReported(key: TokenKey, value: string): void {
    const task = this.registry.task(key);
    if (!this.refreshes || task === undefined) return;
    if (!this.#scheduling.isShared) this.source.refreshStale(key, value, this.deadline()).catch(() => {});
    else if (hasParamsFunction(task)) this.#scheduling.schedule.set(task, this.clock.now());
  }

  #wakeWhoWaitsFor(key: TokenKey): void {
    this.#flights.get(key)?.wake();
    if (this.#pushed.isHeld(key)) for (const waiting of this.#pushed.whoNeeds(key)) this.source.retrySoon(waiting);
  }

  #wentBack(): void {
    const late = this.records.distrust();
    this.#scheduling.bringForward(late);
    for (const { key } of late) this.source.reschedule(key);
    this.#scheduling.schedule.check();
  }
}
