import { Company } from '../concurrency/company.js';
import type { Slots } from '../concurrency/slots.js';
import { CLAIM_LASTS_MS, LEASE_MS } from '../concurrency/time-limits.js';
import { MAX_WAIT_OF_CALLERS_MS } from '../model/backoff.js';
import type { CallbackPort } from '../model/callback-port.js';
import { isTokenError, TokenError } from '../model/errors.js';
import { isAnswerTo } from '../model/force.js';
import { NeedMissing } from '../model/need-missing.js';
import type { BuiltInRefresher } from '../model/refresher.js';
import { haveToBeAskedFor } from '../model/registration.js';
import { type Choice, chooseInput } from '../model/rotation.js';
import { type GiveBack, SharedSlots } from '../model/shared-slots.js';
import type { Lease } from '../model/store.js';
import { documentId, type TokenKey } from '../model/token-key.js';
import type { Counter } from '../primitives/counters.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { RecordRestorer } from '../records/record-reader.js';
import type { RegisteredTask } from '../registry/held-task.js';
import { remainsLeftOver } from '../registry/left-overs.js';
import { type KeyDocument, NO_KEY_DOCUMENT } from '../store/key-document.js';
import { StaleDependency } from './attempt.js';
import { Exchange, type ExchangeParts, type Progress } from './exchange.js';
import { pauseFlight } from './flight-pause.js';
import { areOutdated, assertDependencies, gatherNeeds, type Needs } from './needs.js';
import { ReportLimit } from './report-limit.js';
import type { Flight } from './single-flight.js';
import { DocumentChanged, ParamsWanted } from './spending.js';
import { hasNoRefresher, inputIsContended, isOfAnotherStore, isOnlyPushed } from './unmet-needs.js';

export interface RefreshParts extends ExchangeParts {
  /** Bounds the leases that are taken at once, so that announcements and answers do not wait long behind them. */
  readonly leasing: Slots;
  readonly refresherOf: (type: string) => BuiltInRefresher | undefined;
  readonly callbacks: () => CallbackPort | undefined;
  /** Counts the leases that another process held. */
  readonly leaseContentions: Counter;
  readonly restorer: RecordRestorer;
  /** Whether a caller who has nothing else gets a token of which no other process knows, while the store is away. */
  readonly fetchesWithoutStore: boolean;
  /** Reads what is registered of a key where it is not in memory. */
  readonly look: (key: TokenKey) => Promise<void>;
  /** Returns a token that a refresh depends on, as an ordinary `get` does. */
  readonly tokenOf: (key: TokenKey) => Promise<string>;
  /** Replaces a token that a refresh depended on and found stale. */
  readonly replaceStale: (key: TokenKey, value: string) => Promise<unknown>;
}

/** From lease to write: a thousand keys at once must not wait for the store behind one another while they hold leases. */
const MAX_UNDER_LEASE = 96;
/** Two inputs can be refused; more changes than that come from other writers. */
const MAX_CHANGES = 4;
const WAIT_OF_CALLERS_MS = { least: 20, spread: 180 };
const WAIT_OF_BACKGROUND_MS = { least: 200, spread: 1_800 };

/** Does one refresh from start to end: needs first, lease after, ask once, write, publish. */
export class Refresh {
  readonly #parts: RefreshParts;
  readonly #exchange: Exchange;
  readonly #slots = new SharedSlots(MAX_UNDER_LEASE);
  readonly #company: Company;
  readonly #reports: ReportLimit;

  constructor(parts: RefreshParts) {
    this.#parts = parts;
    this.#exchange = new Exchange(parts);
    this.#company = new Company(parts.clock);
    this.#reports = new ReportLimit(parts.allowances, parts.records);
  }

  /**
   * @throws NeedMissing, or a `TokenError` when the attempt failed or could not be made.
   */
  async run(flight: Flight<CachedRecord>): Promise<CachedRecord> {
    const { registry, records, unwritten, failures, refresherOf, replaceStale, look } = this.#parts;
    const { key } = flight;
    const refresher = refresherOf(key.type);
    const knownAtStart = records.cache.get(key)?.version ?? 0;
    const { generation } = records;
    if (refresher === undefined) throw hasNoRefresher(key);
    if (refresher.pushed === true) throw isOnlyPushed(key);
    const progress: Progress = {
      refresher,
      answered: [],
      mayReplaceDependencies: true,
      isAllowed: false,
      fingerprint: failures.fingerprint(key),
      hadTask: false,
      hasFailed: false,
      changes: 0,
      asksParams: false,
    };
    const refreshed = await this.#leaveToOthers(flight, knownAtStart);
    if (refreshed !== undefined) return refreshed;
    for (;;) {
      this.#parts.closing.assertOpen();
      await look(key);
      if (records.generation > 0 && (await remainsLeftOver(registry, key))) throw isOfAnotherStore(key);
      const isSameStore = records.generation === generation;
      const knownBefore = Math.max(knownAtStart, flight.knownVersion);
      const knownVersion = isSameStore ? knownBefore : this.#knownSinceReplacement(flight);
      const owed = await unwritten.settle(key);
      if (owed !== undefined && flight.reason !== 'forced') return owed;
      await this.#parts.firstAttempts.look(key);
      if (await this.#coolsDown(flight)) continue;
      progress.fingerprint = failures.fingerprint(key);
      progress.hadTask = registry.task(key) !== undefined;
      const needs = await this.#gatherNeeds(key, refresher, registry.task(key), progress.asksParams);
      try {
        const taken = await this.#takeLease(flight, knownVersion);
        if (taken.kind === 'settled') return taken.record;
        // While it waited for the lease, what it depends on may have ended.
        if (progress.changes === 0 && areOutdated(needs, registry, records)) throw await this.#changedUnder(taken);
        return await this.#underLease(taken, flight, knownVersion, needs, progress);
      } catch (error) {
        if (error instanceof StaleDependency) {
          progress.mayReplaceDependencies = false;
          for (const dependency of error.dependencies) await replaceStale(dependency.key, dependency.value);
        } else if (error instanceof ParamsWanted) {
          progress.asksParams = true;
        } else if (error instanceof DocumentChanged) {
          progress.changes += 1;
          if (progress.changes > MAX_CHANGES) throw inputIsContended(key);
        } else if (isTokenError(error) && this.#hasNewInput(key, progress)) {
          // The input that came during the attempt has not failed yet.
          progress.changes += 1;
        } else if (!(error instanceof CoolingDown)) throw error;
      }
    }
  }

  /**
   * Begins a little later and looks first, so that not all processes that know of the same instant take the lease then.
   *
   * @returns what another process has got meanwhile.
   */
  async #leaveToOthers(flight: Flight<CachedRecord>, knownVersion: number): Promise<CachedRecord | undefined> {
    const { documents, clock } = this.#parts;
    const mayWait = (): boolean => !flight.urgent && !flight.hasClaim;
    if (!this.#company.isExpected || !mayWait()) return undefined;
    await this.#pause(flight, clock.random() * clock.lookEveryMs);
    if (!mayWait()) return undefined;
    try {
      return (
        this.#heardOf(flight, knownVersion) ?? this.#settledBy(await documents.read(flight.key), flight, knownVersion)
      );
    } catch (error) {
      if (error instanceof CoolingDown) return undefined;
      throw error;
    }
  }

  /** Returns a record that has been stored elsewhere since this flight began, and answers it. */
  #heardOf({ key, reason, force }: Flight<CachedRecord>, knownVersion: number): CachedRecord | undefined {
    const { records } = this.#parts;
    const held = records.cache.get(key);
    if (held === undefined || reason === 'stale') return undefined;
    if (force !== undefined) return isAnswerTo(force, held.version, held) ? held : undefined;
    return held.version > knownVersion && !records.isDue(held) ? held : undefined;
  }

  /** Returns whether the attempt that has failed was made with another input than there is now. */
  #hasNewInput(key: TokenKey, progress: Progress): boolean {
    if (!progress.hasFailed || progress.changes >= MAX_CHANGES) return false;
    progress.hasFailed = false;
    return this.#exchange.hasNewInput(key, progress);
  }

  /** Does what the lease is held for; whatever happens, it is released, and the slot too. */
  async #underLease(
    { lease, giveBack }: TakenLease,
    flight: Flight<CachedRecord>,
    knownVersion: number,
    needs: Needs,
    progress: Progress,
  ): Promise<CachedRecord> {
    const { store, documents, restorer } = this.#parts;
    let wasAnswered: boolean | undefined;
    try {
      const document = await documents.decode(flight.key, lease.document);
      if (await restorer.restoreNewer(flight.key, document)) throw new DocumentChanged();
      const settled =
        this.#settledBy(document, flight, knownVersion) ?? (await this.#reports.take(flight, document, progress));
      if (settled === undefined) {
        // The refresher may call this manager, whose refresh then needs such a place for another key.
        if (progress.refresher.asksThroughContext !== true) giveBack();
        const record = await this.#exchange.run(flight, lease, document, needs, progress);
        wasAnswered = true;
        return record;
      }
      await store.release(lease);
      return settled;
    } catch (error) {
      if (isTokenError(error)) wasAnswered = isAnswer(error);
      await store.release(lease);
      throw error;
    } finally {
      giveBack(wasAnswered);
    }
  }

  /**
   * Returns the version beyond which a record is news after the store was replaced. Its versions begin anew there: what it has was
   * got meanwhile, unless this process put it there.
   */
  #knownSinceReplacement({ key, reason }: Flight<CachedRecord>): number {
    return reason === 'forced' ? (this.#parts.records.cache.get(key)?.version ?? 0) : 0;
  }

  async #changedUnder({ lease, giveBack }: TakenLease): Promise<DocumentChanged> {
    giveBack();
    await this.#parts.store.release(lease);
    return new DocumentChanged();
  }

  /** Gathers the needs; a key that nothing can be refreshed with fails here, before WeChat is asked. */
  async #gatherNeeds(
    key: TokenKey,
    refresher: BuiltInRefresher,
    task: RegisteredTask | undefined,
    asksParams: boolean,
  ): Promise<Needs> {
    const { registry, records, documents, clock, closing, tokenOf, refresherOf, callbacks } = this.#parts;
    assertDependencies(key, refresherOf);
    const sources = {
      clock,
      closing,
      tokenOf,
      hasTask: (dependency: TokenKey): boolean => registry.task(dependency) !== undefined,
      isPushed: (type: string): boolean => refresherOf(type)?.pushed === true,
      wasPushed: (dependency: TokenKey): boolean => this.#wasPushed(dependency),
      callbacks: callbacks(),
    };
    const cached = records.cache.get(key);
    const choose = ({ rotation }: Pick<KeyDocument, 'rotation'>): Choice =>
      chooseInput(rotation, undefined, 'stored', clock.now());
    let stored = choose(cached ?? NO_KEY_DOCUMENT);
    const maySpend = refresher.spends !== undefined || haveToBeAskedFor(task?.params);
    if (stored.kind !== 'send' && maySpend) stored = choose(await documents.read(key));
    const needs = await gatherNeeds(key, refresher, task, sources, {
      canDoWithout: stored.kind === 'send' && refresher.needsParams?.(key) !== true,
      asksParams,
    });
    if (refresher.spends === undefined || stored.kind !== 'none') return needs;
    if (needs.params[refresher.spends] !== undefined) return needs;
    const message = `${key.type} needs ${refresher.spends}: put one with a grant, or register it in the params of the task`;
    throw new NeedMissing(new TokenError('INPUT_MISSING', message, key));
  }

  #wasPushed(key: TokenKey): boolean {
    const { records, refresherOf } = this.#parts;
    const held = records.cache.get(key);
    return refresherOf(key.type)?.pushed === true && held !== undefined && records.leftMs(held) > 0;
  }

  /** Takes the lease, or returns the record that its holder has stored meanwhile. */
  async #takeLease(flight: Flight<CachedRecord>, knownVersion: number): Promise<Taken> {
    const { documents, clock, leasing, leaseContentions } = this.#parts;
    const { key } = flight;
    for (;;) {
      const giveBack = await this.#slots.take(key);
      let lease: Lease | undefined;
      try {
        this.#parts.closing.assertOpen();
        lease = await this.#claimed(flight);
        lease ??= await leasing.run(() => this.#lease(flight));
      } finally {
        if (lease === undefined) giveBack();
      }
      if (lease !== undefined) return { kind: 'lease', lease, giveBack };
      leaseContentions.add();
      this.#company.met();
      const { least, spread } = flight.urgent ? WAIT_OF_CALLERS_MS : WAIT_OF_BACKGROUND_MS;
      await this.#pause(flight, least + clock.random() * spread);
      const record =
        this.#heardOf(flight, knownVersion) ?? this.#settledBy(await documents.read(key), flight, knownVersion);
      if (record !== undefined) return { kind: 'settled', record };
    }
  }

  /** Asks for the lease. While the store is unavailable, a caller who has nothing else can do without. */
  async #lease({ key, reason }: Flight<CachedRecord>): Promise<Lease | undefined> {
    const { store, refresherOf, fetchesWithoutStore } = this.#parts;
    const id = documentId('key', key);
    try {
      return await store.lease(id, LEASE_MS);
    } catch (error) {
      const mayDoWithout = fetchesWithoutStore && reason === 'demand' && refresherOf(key.type)?.spends === undefined;
      if (!mayDoWithout || !isTokenError(error)) throw error;
      return { id, document: undefined, release: async () => {} };
    }
  }

  /** Returns the lease that came with the work, if so much of it is left that it outlasts an attempt. */
  async #claimed(flight: Flight<CachedRecord>): Promise<Lease | undefined> {
    const { store, clock } = this.#parts;
    const claim = flight.takeClaim();
    if (claim === undefined) return undefined;
    if (clock.monotonic() - claim.askedAtMonotonic <= CLAIM_LASTS_MS) return claim.lease;
    await store.release(claim.lease);
    return undefined;
  }

  /**
   * Returns the record of a document that makes this flight needless.
   *
   * @throws CoolingDown when the document forbids an attempt.
   */
  #settledBy(document: KeyDocument, flight: Flight<CachedRecord>, knownVersion: number): CachedRecord | undefined {
    const { records, failures, registry } = this.#parts;
    const { grant } = document;
    const { key, reason, force } = flight;
    failures.learn(key, document);
    if (grant !== undefined && records.isUsableGrant(key, grant)) {
      const isNotDue = reason === 'due' && !records.isGrantDue(key, grant);
      const isNew = force === undefined && document.recordVersion > knownVersion;
      const replaces = force !== undefined && isAnswerTo(force, document.recordVersion, grant);
      const answers = reason === 'stale' ? grant.value !== flight.stale : isNew || isNotDue || replaces;
      const announceFirst = registry.task(key) !== undefined;
      if (answers) return records.adopt(key, document, grant, { source: 'store', announceFirst });
    }
    const failure = failures.active(key, flight.urgent);
    if (failure !== undefined) throw new CoolingDown();
    return undefined;
  }

  /**
   * Waits for the next attempt where a caller waits and that attempt is near.
   *
   * @throws the error of the attempt before, where it is not.
   */
  async #coolsDown(flight: Flight<CachedRecord>): Promise<boolean> {
    const { failures, clock } = this.#parts;
    const failure = failures.active(flight.key, flight.urgent);
    if (failure === undefined) return false;
    const waitMs = failure.retryAt - clock.now();
    if (!flight.urgent || waitMs >= MAX_WAIT_OF_CALLERS_MS) throw failure.error();
    await this.#pause(flight, waitMs);
    return true;
  }

  async #pause(flight: Flight<CachedRecord>, waitMs: number): Promise<void> {
    await pauseFlight(flight, this.#parts.clock, this.#parts.closing, Math.max(1, Math.ceil(waitMs)));
  }
}

interface TakenLease {
  readonly kind: 'lease';
  readonly lease: Lease;
  readonly giveBack: GiveBack;
}

/** Returns whether a failure is an answer of WeChat or the lack of one; `undefined` where it was not asked. */
function isAnswer({ code, errcode }: TokenError): boolean | undefined {
  if (errcode !== undefined) return true;
  return code === 'UPSTREAM_UNAVAILABLE' ? false : undefined;
}

type Taken = TakenLease | { readonly kind: 'settled'; readonly record: CachedRecord };

/** Is thrown when the key's document forbids an attempt for now; `Failures` has learnt until when. */
class CoolingDown extends Error {}
