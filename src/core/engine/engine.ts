import type { CallbackPort } from '../model/callback-port.js';
import { Closing } from '../model/closing.js';
import { Deadline } from '../model/deadline.js';
import type { Events } from '../model/events.js';
import type { ResolvedOptions } from '../model/options.js';
import type { BuiltInRefresher, Grant, Upstream } from '../model/refresher.js';
import type { RegistrationPlan } from '../model/registration.js';
import type { TokenStore } from '../model/store.js';
import type { TokenKey } from '../model/token-key.js';
import { LastPushes } from '../pushes/last-pushes.js';
import { VerifyTickets } from '../pushes/verify-tickets.js';
import { BackgroundCoolDowns } from '../records/background-cool-downs.js';
import type { CachedRecord } from '../records/cached-record.js';
import { GrantWriter } from '../records/grant-writer.js';
import { PendingGrants } from '../records/pending-grants.js';
import { RecordCache } from '../records/record-cache.js';
import { RecordChanges } from '../records/record-changes.js';
import { RecordReader } from '../records/record-reader.js';
import { Records } from '../records/records.js';
import { RetryStates } from '../records/retry-states.js';
import { storedResult } from '../records/stored-result.js';
import { CallbackRelay } from '../refresh/callback-relay.js';
import { Flights } from '../refresh/flights.js';
import { FollowerFlight } from '../refresh/follower-flight.js';
import { Refresh } from '../refresh/refresh.js';
import { RegistrationLoader } from '../refresh/registration-loader.js';
import type { State } from '../refresh/state.js';
import { OwnRegistrations } from '../registry/own-registrations.js';
import { PushedTokens } from '../registry/pushed-tokens.js';
import { Registrar } from '../registry/registrar.js';
import { Registry } from '../registry/registry.js';
import { maxHeldDocuments } from '../registry/registry-options.js';
import { TaskEntries } from '../registry/task-entry.js';
import { FleetScheduler } from '../schedule/fleet-scheduler.js';
import { LocalScheduler } from '../schedule/local-scheduler.js';
import { DocumentReader, type Quarantined } from '../store/document-reader.js';
import { KeyDocuments } from '../store/key-documents.js';
import { LimitSweep } from '../store/limit-sweep.js';
import type { Storage } from '../store/storage.js';
import { StoreClock } from '../store/store-clock.js';
import { StoreHistory } from '../store/store-history.js';
import { SupervisedStore } from '../store/supervised-store.js';
import { ClockJumps } from './clock-jumps.js';
import { ColdLookups } from './cold-lookups.js';
import { HeldRecords } from './held-records.js';
import { Lifecycle } from './lifecycle.js';
import { LostFunctions } from './lost-functions.js';
import { Meters } from './meters.js';
import { PutGrants } from './put-grants.js';
import { ShownChanges } from './shown-changes.js';
import { StoreRecovery } from './store-recovery.js';
import { StoreWatch } from './store-watch.js';
import { TaskChanges } from './task-changes.js';
import { TokenSource } from './token-source.js';
import type { Work } from './work.js';

export interface EngineInput {
  readonly store: TokenStore;
  readonly options: ResolvedOptions;
  readonly events: Events;
  readonly types: readonly string[];
  readonly refresherOf: (type: string) => BuiltInRefresher | undefined;
  readonly upstream: (clock: StoreClock) => Upstream;
  /** Returns a unique id. */
  readonly newId: () => string;
}

/** Creates the parts of a manager and connects them. */
export class Engine implements Storage, State {
  readonly events: Events;
  readonly closing: Closing = new Closing();
  readonly meters: Meters = new Meters();
  readonly store: SupervisedStore;
  readonly clock: StoreClock;
  readonly reader: DocumentReader;
  readonly documents: KeyDocuments;
  readonly registry: Registry;
  readonly records: Records;
  readonly retryStates: RetryStates;
  readonly coolDowns: BackgroundCoolDowns;
  readonly writer: GrantWriter;
  readonly callbacks: CallbackRelay;
  readonly source: TokenSource;
  readonly registrar: Registrar;
  readonly coldLookups: ColdLookups;
  readonly tickets: VerifyTickets;
  readonly lastPushes: LastPushes;
  readonly refreshes: boolean;
  readonly refresherOf: EngineInput['refresherOf'];
  /** The names of all types. */
  readonly types: readonly string[];
  /** Sends requests to WeChat. */
  readonly upstream: Upstream;
  readonly #timeoutMs: number;
  readonly #pendingGrants: PendingGrants;
  readonly #work: Work;
  readonly #puts: PutGrants;
  readonly #lifecycle: Lifecycle;

  /** Creates each part from those before it. The listeners that connect a part to later ones are set at the end. */
  constructor({ store: given, options, events, types, refresherOf, upstream, newId }: EngineInput) {
    const { times, rates, maxCachedRecords, refreshes, timeoutMs } = options;
    const { closing, meters } = this;
    this.events = events;
    this.refreshes = refreshes;
    this.refresherOf = refresherOf;
    this.types = types;
    this.#timeoutMs = timeoutMs;
    const store = (this.store = new SupervisedStore(given, options.clock, {
      unavailable: (error) => events.emit('storeUnavailable', { error }),
      available: () => events.emit('storeAvailable', {}),
    }));
    const isShared = store.canClaim;
    const clock = (this.clock = new StoreClock(options.clock, () => store.now()));
    this.lastPushes = new LastPushes(clock);
    const quarantined = (moved: Quarantined): void => events.emit('recordQuarantined', moved);
    const reader = (this.reader = new DocumentReader(store, quarantined));
    const history = new StoreHistory({ store, clock, newId });
    const [own, tasks] = [new OwnRegistrations(), new TaskEntries()];
    const maxHeld = isShared ? maxHeldDocuments(maxCachedRecords) : undefined;
    const registry = (this.registry = new Registry(store, reader, { maxHeld, tasks, own }));
    const documents = (this.documents = new KeyDocuments(store, reader, registry));
    const storage: Storage = { store, clock, reader, documents };

    const isPushed = (type: string): boolean => refresherOf(type)?.pushed === true;
    const isKept = (key: TokenKey): boolean => registry.task(key) !== undefined || isPushed(key.type);
    const cache = new RecordCache(maxCachedRecords, isKept, isShared ? undefined : tasks);
    const readResult = storedResult(clock, documents, closing);
    const records = (this.records = new Records(cache, clock, events, times, readResult, registry));
    const pushed = new PushedTokens({ types, refresherOf, registry, cache });
    const retryStates = (this.retryStates = new RetryStates(storage, cache, events, (key) => pushed.fingerprint(key)));
    const coolDowns = (this.coolDowns = new BackgroundCoolDowns(clock));
    const state: State = { registry, records, retryStates, coolDowns };
    const writer = (this.writer = new GrantWriter(storage, records));
    const pendingGrants = (this.#pendingGrants = new PendingGrants(writer, storage, records));
    const changes = new RecordChanges();
    const base = { ...storage, ...state, closing, writer };
    const restorer = new HeldRecords({ ...base, history, changes });
    const recordReader = new RecordReader({ ...base, restorer, changes });

    const callbacks = (this.callbacks = new CallbackRelay(store, closing));
    const registrationLoader = new RegistrationLoader(registry, pushed, recordReader);
    const fleetParts = { types: types.filter((type) => !isPushed(type)), callbacks, registrationLoader, recordReader };
    const scheduler = isShared
      ? new FleetScheduler({ ...base, ...fleetParts, rates })
      : new LocalScheduler(clock, rates, records);
    const flights = new Flights({ ...base, scheduler, pushed, events });
    const work: Work = (this.#work = { flights, scheduler });
    const source = (this.source = new TokenSource(storage, state, work, recordReader, options));
    const client = (this.upstream = upstream(clock));
    const metered = { upstream: meters.timed(client, clock), leaseContentions: meters.leaseContentions };
    const readers = { recordReader, restorer, registrationLoader, tokens: source };
    const refreshParts = { ...base, ...readers, ...metered, options, refresherOf, pendingGrants, callbacks };
    flights.start(refreshes ? new Refresh(refreshParts) : new FollowerFlight(refreshParts));

    const hurryApp = (appid: string): void => scheduler.makeAppDueNow(appid);
    const registrar = (this.registrar = new Registrar({ ...base, isShared, newId, hurryApp }));
    const recovery = new StoreRecovery({ ...base, own, history, registrar, restorer, recordReader, events, isShared });
    const watch = new StoreWatch({ ...base, recovery, recordReader, pushed });
    const limits = new LimitSweep(store, clock);
    const tickets = (this.tickets = new VerifyTickets({ ...base, recordReader, pushed, events }));
    const lifecycleParts = {
      watch,
      recordReader,
      pendingGrants,
      recovery,
      limits,
      upstream: client,
      callbacks,
      tickets,
    };
    const lifecycle = (this.#lifecycle = new Lifecycle({ ...base, ...work, ...lifecycleParts, refreshes }));
    this.coldLookups = new ColdLookups({ ...base, recordReader, lifecycle });
    this.#puts = new PutGrants({ ...base, ...work, times, source, pushed });
    const lostFunctions = new LostFunctions({ store, registrar, registry });

    meters.listen(events);
    events.on('storeAvailable', () => scheduler.check());
    clock.listen(new ClockJumps(records, work));
    registry.listen(new TaskChanges(state, work, callbacks, lostFunctions, lifecycle, tickets));
    changes.listen(new ShownChanges({ ...work, registry, clock, tokens: source, refreshes }));
  }

  get isClosed(): boolean {
    return this.closing.hasBegun;
  }

  /**
   * Attaches the callbacks.
   *
   * @throws TypeError if callbacks are attached already, a `TokenError` with code `CLOSED`.
   */
  attach(callbacks: CallbackPort): void {
    this.callbacks.attach(callbacks);
  }

  deadline(timeoutMs: number = this.#timeoutMs, signal?: AbortSignal): Deadline {
    return new Deadline(this.clock, timeoutMs, signal);
  }

  /**
   * Reads the stored registrations and starts to keep their keys fresh. Every call needs the start; a failed one is
   * retried.
   */
  start(): Promise<void> {
    return this.#lifecycle.start();
  }

  /** Returns whether everything that a start reads has been read. */
  get isStarted(): boolean {
    return this.#lifecycle.isStarted;
  }

  /** Resolves when the store has answered, which in a large store is long before everything is read. */
  async opened(): Promise<void> {
    this.start().catch(() => {});
    await this.#lifecycle.opened;
  }

  /** @param isAddition - whether the app has to exist, without which the call fails. */
  async register(plan: RegistrationPlan, isAddition = false): Promise<void> {
    await this.closing.waitFor(() => this.registrar.register(plan, isAddition));
    for (const { key } of plan.tasks) this.#work.flights.reschedule(key);
  }

  /** Unregisters an app with all its tasks. */
  async unregisterApp(appid: string): Promise<void> {
    await this.closing.waitFor(() => this.registrar.unregisterApp(appid));
    this.records.cache.deleteApp(appid);
    this.#pendingGrants.discard(appid);
  }

  /** Unregisters one task. The call fails if `isStillWanted` returns `false` under the lease of the app. */
  async unregisterTask(key: TokenKey, isStillWanted?: () => boolean): Promise<void> {
    await this.closing.waitFor(() => this.registrar.unregisterTask(key, isStillWanted));
    this.records.cache.delete(key);
    this.#pendingGrants.discard(key.appid, key);
  }

  /** Stores a grant that was obtained elsewhere, unless a newer one is stored. */
  put(key: TokenKey, grant: Grant): Promise<CachedRecord> {
    return this.closing.waitFor(() => this.#puts.put(key, grant, this.deadline()));
  }

  close(): Promise<void> {
    return this.#lifecycle.close();
  }
}
