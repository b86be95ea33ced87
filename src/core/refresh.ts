import type { Allowances } from './allowance.js';
import { ask, StaleDependency } from './attempt.js';
import { MAX_WAIT_OF_CALLERS_MS } from './backoff.js';
import { wait } from './clock.js';
import type { DocumentReader } from './document-reader.js';
import { closedError, isTokenError, TokenError } from './errors.js';
import type { Failures } from './failures.js';
import { InvalidGrant, receivedToken, storedGrant } from './grant.js';
import type { GrantWriter, WriteOptions } from './grant-writer.js';
import { type KeyDocument, NO_KEY_DOCUMENT, readKeyDocument, type StoredGrant } from './key-document.js';
import { gatherNeeds, NeedMissing, type Needs } from './needs.js';
import type { CachedRecord } from './record-cache.js';
import type { Records } from './records.js';
import { dueOf, type RefreshTimes } from './refresh-policy.js';
import type { AccessTokenMode, AppCredentials, BuiltInRefresher, RateLimit, Upstream } from './refresher.js';
import type { RegisteredTask, Registry } from './registry.js';
import { chooseInput, type Intent, type ReceivedToken } from './rotation.js';
import type { Flight } from './single-flight.js';
import { Slots } from './slots.js';
import { DocumentChanged, Spending } from './spending.js';
import type { Lease } from './store.js';
import type { StoreClock } from './store-clock.js';
import type { SupervisedStore } from './supervised-store.js';
import { LEASE_MS } from './time-limits.js';
import { documentId, type TokenKey } from './token-key.js';
import type { UnwrittenGrants } from './unwritten-grants.js';

/** Under a name that no refresher can give a limit of its own. */
const REPORTS = '~reports';
/** What a stale report or force may cost: these many fetches, whatever is reported. */
const REPORT_LIMIT: RateLimit = { everyMs: 30_000, perDay: 20 };

export interface RefreshParts {
  readonly store: SupervisedStore;
  readonly reader: DocumentReader;
  readonly clock: StoreClock;
  readonly registry: Registry;
  readonly records: Records;
  readonly failures: Failures;
  readonly writer: GrantWriter;
  readonly unwritten: UnwrittenGrants;
  readonly allowances: Allowances;
  readonly upstream: Upstream;
  readonly times: RefreshTimes;
  readonly accessToken: AccessTokenMode;
  readonly refresherOf: (type: string) => BuiltInRefresher | undefined;
  /** An ordinary `get` of a token that a refresh depends on. */
  readonly tokenOf: (key: TokenKey) => Promise<string>;
  /** Replaces a token that a refresh depended on and found stale. */
  readonly replaceStale: (key: TokenKey, value: string) => Promise<unknown>;
  readonly isClosing: () => boolean;
}

/** After a refusal: whether a function offers another refresh token has to be looked at, anything else makes itself known. */
const LOOK_AT_FUNCTION_EVERY_MS = 600_000;
const LOOK_AGAIN_EVERY_MS = 24 * 3_600_000;
/** From lease to write: a thousand keys at once must not wait for the store behind one another while they hold leases. */
const MAX_UNDER_LEASE = 64;
const WAIT_OF_CALLERS_MS = { least: 20, spread: 180 };
const WAIT_OF_BACKGROUND_MS = { least: 200, spread: 1_800 };

/** One refresh from start to end: needs first, lease after, ask once, write, publish. */
export class Refresh {
  readonly #parts: RefreshParts;
  readonly #slots = new Slots(MAX_UNDER_LEASE);

  constructor(parts: RefreshParts) {
    this.#parts = parts;
  }

  /**
   * @throws NeedMissing, or a `TokenError` when the attempt failed or could not be made.
   */
  async run(flight: Flight<CachedRecord>): Promise<CachedRecord> {
    const { registry, records, unwritten, refresherOf, replaceStale } = this.#parts;
    const { key } = flight;
    const knownVersion = records.cache.get(key)?.record.version ?? 0;
    const refresher = refresherOf(key.type);
    if (refresher === undefined) throw new TokenError('INPUT_MISSING', `there is no refresher of ${key.type}`, key);
    if (refresher.pushed === true) throw isOnlyPushed(key);
    const answered: Intent[] = [];
    for (let mayReplaceDependencies = true; ; ) {
      this.#assertOpen();
      const owed = await unwritten.settle(key);
      if (owed !== undefined) return owed;
      if (await this.#coolsDown(flight)) continue;
      const needs = await this.#gatherNeeds(key, refresher, registry.task(key));
      try {
        const taken = await this.#takeLease(flight, knownVersion);
        if (taken.kind === 'settled') return taken.record;
        return await this.#underLease(taken, flight, knownVersion, {
          refresher,
          needs,
          mayReplaceDependencies,
          answered,
        });
      } catch (error) {
        if (error instanceof StaleDependency) {
          mayReplaceDependencies = false;
          for (const dependency of error.dependencies) await replaceStale(dependency.key, dependency.value);
        } else if (!(error instanceof CoolingDown || error instanceof DocumentChanged)) throw error;
      }
    }
  }

  /** What the lease is held for; whatever happens, it is given back, and the slot too. */
  async #underLease(
    { lease, giveBack }: TakenLease,
    flight: Flight<CachedRecord>,
    knownVersion: number,
    round: Round,
  ): Promise<CachedRecord> {
    const { store, reader } = this.#parts;
    try {
      const document = await reader.read(lease.document, readKeyDocument);
      const settled = this.#settledBy(document, flight, knownVersion) ?? (await this.#notAllowed(flight, document));
      if (settled === undefined) return await this.#askAndWrite(flight, lease, document, round);
      await store.release(lease);
      return settled;
    } catch (error) {
      await store.release(lease);
      throw error;
    } finally {
      giveBack();
    }
  }

  /** The needs; a key that nothing can be refreshed with fails here, before anybody is asked. */
  async #gatherNeeds(key: TokenKey, refresher: BuiltInRefresher, task: RegisteredTask | undefined): Promise<Needs> {
    const { registry, records, writer, clock, tokenOf, refresherOf } = this.#parts;
    const sources = {
      clock,
      tokenOf,
      hasTask: (dependency: TokenKey): boolean => registry.task(dependency) !== undefined,
      isPushed: (type: string): boolean => refresherOf(type)?.pushed === true,
    };
    const cached = records.cache.get(key);
    const { rotation } = cached ?? (refresher.spends === undefined ? NO_KEY_DOCUMENT : await writer.read(key));
    const stored = chooseInput(rotation, undefined, 'stored', clock.now());
    const needs = await gatherNeeds(key, refresher, task, sources, stored.kind === 'send');
    if (refresher.spends === undefined || stored.kind !== 'none') return needs;
    if (needs.params[refresher.spends] !== undefined) return needs;
    const message = `${key.type} needs ${refresher.spends}: put one with a grant, or register it in the params of the task`;
    throw new NeedMissing(new TokenError('INPUT_MISSING', message, key));
  }

  /** The lease, or the record that its holder has put in force meanwhile. */
  async #takeLease(flight: Flight<CachedRecord>, knownVersion: number): Promise<Taken> {
    const { store, writer, clock } = this.#parts;
    const { key } = flight;
    for (;;) {
      const giveBack = await this.#slots.take();
      let lease: Lease | undefined;
      try {
        this.#assertOpen();
        lease = await store.lease(documentId('key', key), LEASE_MS);
      } finally {
        if (lease === undefined) giveBack();
      }
      if (lease !== undefined) return { kind: 'lease', lease, giveBack };
      const { least, spread } = flight.urgent ? WAIT_OF_CALLERS_MS : WAIT_OF_BACKGROUND_MS;
      await this.#pause(flight, least + clock.random() * spread);
      const record = this.#settledBy(await writer.read(key), flight, knownVersion);
      if (record !== undefined) return { kind: 'settled', record };
    }
  }

  /**
   * The record of a document that makes this flight needless.
   *
   * @throws CoolingDown when the document forbids an attempt.
   */
  #settledBy(document: KeyDocument, flight: Flight<CachedRecord>, knownVersion: number): CachedRecord | undefined {
    const { records, failures, clock, registry } = this.#parts;
    const { grant } = document;
    const { key, reason } = flight;
    failures.learn(key, document);
    const isNew = document.recordVersion > knownVersion;
    const isNotDue = reason === 'due' && grant !== undefined && dueOf(grant, clock.now()) > clock.now();
    if (grant !== undefined && records.isUsableGrant(grant)) {
      const answers = reason === 'stale' ? grant.value !== flight.stale : isNew || isNotDue;
      const announceFirst = registry.task(key) !== undefined;
      if (answers) return records.adopt(key, document, grant, { source: 'store', announceFirst });
    }
    const failure = failures.active(key, flight.urgent);
    if (failure !== undefined) throw new CoolingDown();
    return undefined;
  }

  /**
   * Counts a fetch that a report or force causes.
   *
   * @returns the record in force when the report may not cause one now.
   * @throws a `TokenError` with code `QUOTA_EXHAUSTED` when force may not.
   */
  async #notAllowed(flight: Flight<CachedRecord>, document: KeyDocument): Promise<CachedRecord | undefined> {
    const { records, allowances } = this.#parts;
    const { key, reason } = flight;
    const { grant } = document;
    if (reason !== 'stale' && reason !== 'forced') return undefined;
    if (reason === 'stale' && (grant === undefined || !records.isUsableGrant(grant))) return undefined;
    const allowance = await allowances.take(key, REPORTS, REPORT_LIMIT);
    if (allowance.granted) return undefined;
    if (reason === 'stale' && grant !== undefined) {
      return records.adopt(key, document, grant, { source: 'store', announceFirst: false });
    }
    throw new TokenError('QUOTA_EXHAUSTED', 'refreshes by force and after stale reports are limited', {
      ...key,
      retryAt: allowance.retryAt,
      retryable: true,
    });
  }

  async #askAndWrite(
    flight: Flight<CachedRecord>,
    lease: Lease,
    document: KeyDocument,
    { refresher, needs, mayReplaceDependencies, answered }: Round,
  ): Promise<CachedRecord> {
    const { registry, failures, writer, unwritten, accessToken, store, clock } = this.#parts;
    const { key, reason } = flight;
    const app = registry.app(key.appid);
    if (app === undefined) throw new TokenError('NOT_REGISTERED', `${key.appid} is not registered`, key);
    const task = registry.task(key);
    const hadTask = task !== undefined;
    const looksAgainMs = typeof task?.params === 'function' ? LOOK_AT_FUNCTION_EVERY_MS : LOOK_AGAIN_EVERY_MS;
    const spending = new Spending({ key, document, hadTask, answered, looksAgainMs, store, clock });
    this.#assertOpen();
    let answer: Answer;
    try {
      answer = await this.#ask(flight, refresher, needs, registry.credentials(app, accessToken), spending);
    } catch (error) {
      if (error instanceof NeedMissing || error instanceof DocumentChanged) throw error;
      if (error instanceof StaleDependency && mayReplaceDependencies) {
        if (spending.intent !== undefined) answered.push(spending.intent);
        throw error;
      }
      const failure = spending.settle(error instanceof StaleDependency ? error.error : (error as TokenError));
      throw await failures.record(key, spending.document, lease, failure, hadTask);
    }
    const { grant, received } = answer;
    const options: WriteOptions = { source: 'upstream', reason, lease, hadTask, received, spent: spending.spent };
    try {
      return await writer.write(key, spending.document, grant, options);
    } catch (error) {
      if (!isTokenError(error) || error.code !== 'STORE_UNAVAILABLE') throw error;
      void store.release(lease);
      if (received !== undefined) throw unwritten.owe(key, grant, options, error);
      return unwritten.keep(key, spending.document.version, grant, options);
    }
  }

  async #ask(
    flight: Flight<CachedRecord>,
    refresher: BuiltInRefresher,
    needs: Needs,
    app: AppCredentials,
    spending: Spending,
  ): Promise<Answer> {
    const { key, reason, stale } = flight;
    const { clock, upstream, allowances, records, times } = this.#parts;
    const askedAt = clock.now();
    const previous = records.cache.get(key)?.record ?? records.recordOf(key, spending.document);
    const asked = await ask({
      key,
      app,
      refresher,
      reason,
      stale,
      previous,
      needs,
      clock,
      upstream,
      allowances,
      spending,
    });
    try {
      const grant = storedGrant(asked, askedAt, clock.now(), times, clock.random());
      return { grant, received: receivedToken(asked, grant) };
    } catch (error) {
      const why = error instanceof InvalidGrant ? error.message : 'it cannot be read';
      const message = `the answer for ${key.type} cannot be used: ${why}`;
      throw new TokenError('UPSTREAM_REJECTED', message, { ...key, retryable: true });
    }
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
    if (!flight.urgent || waitMs >= MAX_WAIT_OF_CALLERS_MS) throw failure.error;
    await this.#pause(flight, waitMs);
    return true;
  }

  async #pause(flight: Flight<CachedRecord>, waitMs: number): Promise<void> {
    const { clock } = this.#parts;
    const controller = new AbortController();
    const options = { ref: flight.urgent, signal: controller.signal };
    const waited = wait(clock, Math.max(1, Math.ceil(waitMs)), options).catch(() => {});
    await Promise.race([waited, flight.woken()]);
    controller.abort();
  }

  #assertOpen(): void {
    if (this.#parts.isClosing()) throw closedError();
  }
}

interface TakenLease {
  readonly kind: 'lease';
  readonly lease: Lease;
  /** Gives the slot back. */
  readonly giveBack: () => void;
}

type Taken = TakenLease | { readonly kind: 'settled'; readonly record: CachedRecord };

/** One go of a refresh, which may start again. */
interface Round {
  readonly refresher: BuiltInRefresher;
  readonly needs: Needs;
  readonly mayReplaceDependencies: boolean;
  /** Intents of this refresh that WeChat has answered for. */
  readonly answered: Intent[];
}

/** What came of one attempt, checked. */
interface Answer {
  readonly grant: StoredGrant;
  readonly received: ReceivedToken | undefined;
}

function isOnlyPushed(key: TokenKey): NeedMissing {
  const message = `no unexpired ${key.type} has been put, and WeChat pushes it: nobody can ask for one`;
  return new NeedMissing(new TokenError('INPUT_MISSING', message, key));
}

/** The key's document forbids an attempt for now; `Failures` has learnt until when. */
class CoolingDown extends Error {}
