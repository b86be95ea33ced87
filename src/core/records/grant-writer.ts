import { type Enrolment, marksOf } from '../model/enrolment.js';
import { TokenError } from '../model/errors.js';
import type { RefreshedEvent } from '../model/events.js';
import { dueAfterOverlapAt, dueAgainAt } from '../model/refresh-policy.js';
import { afterGrant } from '../model/rotation.js';
import type { Lease } from '../model/store.js';
import { documentId, keyId, type TokenKey } from '../model/token-key.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import { noop } from '../primitives/noop.js';
import { type KeyDocument, nextDueAt, type StoredGrant } from '../store/key-document.js';
import type { KeyDocuments, SaveOptions } from '../store/key-documents.js';
import { checkRegistration } from '../store/registration-check.js';
import type { Storage } from '../store/storage.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { goneError, isAwaited, isChangedMeanwhile, notRegistered } from '../store/write-errors.js';
import type { CachedRecord } from './cached-record.js';
import { type GrantOrigin, mayFollow, verdictOn } from './grant-verdict.js';
import type { Adoption, Records } from './records.js';

export interface WriteOptions extends GrantOrigin {
  readonly reason?: RefreshedEvent['reason'];
  readonly lease?: Lease;
  /** The registration of the key when the grant was asked for. */
  readonly enrolment: Enrolment;
  /** Called after a write that another process has beaten: what it throws ends the writing, with nothing stored. */
  readonly beforeRetry?: () => void;
}

const MAX_ROUNDS = 5;
/** Notifications of older writes have arrived. */
const MAX_REMEMBERED = 1_000;

/** Writes grants with compare-and-set and puts in force whatever the store holds in the end. */
export class GrantWriter {
  readonly #store: SupervisedStore;
  readonly #documents: KeyDocuments;
  readonly #records: Records;
  readonly #clock: StoreClock;
  readonly #writing = new Map<string, Promise<void>>();
  readonly #lastVersions = boundedCache<string, number>(MAX_REMEMBERED);

  constructor({ store, documents, clock }: Storage, records: Records) {
    this.#store = store;
    this.#documents = documents;
    this.#records = records;
    this.#clock = clock;
  }

  /**
   * @param before - the document that the write is to replace.
   * @returns the record in force: this one, or one that was stored meanwhile and is newer.
   * @throws a `TokenError`: `STORE_UNAVAILABLE`, or `NOT_REGISTERED` when the registration has gone meanwhile.
   */
  write(key: TokenKey, before: KeyDocument, grant: StoredGrant, options: WriteOptions): Promise<CachedRecord> {
    const writing = this.#write(key, before, grant, options);
    const settled = writing.then(noop, noop).then(() => {
      if (this.#writing.get(keyId(key)) === settled) this.#writing.delete(keyId(key));
    });
    this.#writing.set(keyId(key), settled);
    return writing;
  }

  /**
   * Stores a refresh token whose grant is of no use, unless another one has been stored meanwhile.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async writeToken(key: TokenKey, options: WriteOptions): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const document = await this.#documents.read(key);
      if (!mayFollow(document, options)) return;
      const state = await checkRegistration(this.#store, key, options.enrolment);
      if (state === 'awaited') throw isAwaited(key);
      // An unregistration deletes the document: where it is still there, a registration has been taken back or was evicted.
      if (state === 'gone' && (document.version === 0 || options.spent === undefined)) return;
      const rotation = afterGrant(document.rotation, options.received, options.spent, this.#clock.now());
      // The failure was one of the refresh token before it.
      const trying = rotation?.token === document.rotation?.token ? document.trying : undefined;
      const next: KeyDocument = { ...document, rotation, trying };
      const saving = saveOptions(nextDueAt(next, this.#clock.now()), options);
      if ((await this.#documents.save(key, next, saving)) !== undefined) return;
    }
    throw isChangedMeanwhile(key);
  }

  /** Resolves when no write of the key is under way here: what the store tells of it before is no news. */
  async idle(key: TokenKey): Promise<void> {
    await this.#writing.get(keyId(key));
  }

  /** Returns the version that was last written here and adopted: a notification of it brings nothing new. */
  lastVersion(key: TokenKey): number | undefined {
    return this.#lastVersions.get(keyId(key));
  }

  /** Forgets what was written last: a store that was replaced may give the same versions again. */
  forgetVersions(): void {
    this.#lastVersions.clear();
  }

  /** Releases the lease where no write does: a set releases it only if it succeeds. */
  async release({ lease }: WriteOptions): Promise<void> {
    if (lease !== undefined) await this.#store.release(lease);
  }

  async #write(key: TokenKey, before: KeyDocument, got: StoredGrant, given: WriteOptions): Promise<CachedRecord> {
    const { generation } = this.#records;
    let document = await this.#withLostRotation(key, before);
    let options = given;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const verdict = verdictOn(got, document, options, this.#clock.now());
      if (verdict.kind === 'standBack') return this.#standBack(key, document, options);
      if (verdict.kind === 'repeats') return this.#keep(key, verdict.document, verdict.winner, got, options);
      if (verdict.kind === 'yields') return this.#yieldTo(key, verdict.document, verdict.winner, got, options);
      const { inForce, isBeside } = verdict;
      const next = { ...verdict.next, enrolment: marksOf(options.enrolment) };
      const writtenIn = this.#records.generation;
      const saving = saveOptions(inForce.dueAt, options);
      const version = isBeside
        ? await this.#documents.save(key, { ...next, trying: undefined }, saving)
        : await this.#documents.saveGrant(key, next, inForce, saving);
      if (version !== undefined) {
        const recordVersion = isBeside ? document.recordVersion : version;
        const isFirst = document.version === 0;
        await this.#assertRegistered(key, version, options, { isFirst, generation });
        const isSameStore = this.#records.generation === writtenIn;
        const found = isSameStore
          ? { ...next, version, recordVersion, grant: inForce }
          : await this.#documents.read(key);
        if (this.#shows(found, version, inForce)) return this.#publish(key, found, inForce, options);
        // The store was replaced meanwhile, and what is in its place lacks what was written.
        options = withoutLease(options);
        document = await this.#withLostRotation(key, found);
        continue;
      }
      options.beforeRetry?.();
      document = await this.#documents.read(key);
      const isSettled = document.grant !== undefined && document.grant.obtainedAt >= got.obtainedAt;
      if (isSettled && options.received === undefined) {
        return this.#yieldTo(key, document, document.grant as StoredGrant, got, options);
      }
      const state = await checkRegistration(this.#store, key, options.enrolment);
      // What is registered now, or again later, may count on the refresh token that came of the one that was spent.
      if (state !== 'same' && options.spent !== undefined) await this.writeToken(key, options);
      if (state !== 'same') throw goneError(key, state);
      document = await this.#withLostRotation(key, document);
      const { rotation = this.#records.generation === generation ? undefined : before.rotation } = document;
      document = { ...document, rotation };
    }
    throw isChangedMeanwhile(key);
  }

  /** Adds the refresh token that is held to a document that lacks it, or has an older one: what is written next must have it. */
  async #withLostRotation(key: TokenKey, document: KeyDocument): Promise<KeyDocument> {
    const held = this.#records.cache.get(key);
    if (held?.rotation === undefined) return document;
    if (document.rotation !== undefined) return { ...document, rotation: this.#records.goingOn(held, document) };
    if (held.isStored) await this.#store.judgeAbsence(documentId('key', key));
    return this.#records.isDisplaced(held) ? { ...document, rotation: held.rotation } : document;
  }

  /** Adopts what is stored: another refresh token has replaced ours since it was sent. */
  async #standBack(key: TokenKey, document: KeyDocument, options: WriteOptions): Promise<CachedRecord> {
    await this.release(options);
    if (document.grant !== undefined) {
      return this.#records.adopt(key, document, document.grant, {
        source: 'store',
        announceFirst: options.enrolment.hadTask,
      });
    }
    throw new TokenError('UPSTREAM_REJECTED', `another refresh token of ${key.type} was stored meanwhile`, {
      ...key,
      retryable: true,
    });
  }

  /** Keeps the record, since the answer did not extend the token in force; WeChat is asked again before it ends. */
  async #keep(
    key: TokenKey,
    document: KeyDocument,
    current: StoredGrant,
    answer: StoredGrant,
    options: WriteOptions,
  ): Promise<CachedRecord> {
    // With the same instant it is our own write, which took effect although the store did not say so in time.
    if (options.source !== 'upstream' || current.obtainedAt === answer.obtainedAt) {
      await this.release(options);
      return this.#records.adopt(key, document, current, { source: 'store', announceFirst: options.enrolment.hadTask });
    }
    const grant = {
      ...current,
      dueAt: dueAgainAt(current, this.#clock.now(), this.#records.leftOfGrantMs(key, current)),
    };
    return this.#moveDue(key, { ...document, grant }, grant, options);
  }

  /** Adopts the newer answer, due soon: it is not known which of the two WeChat holds current. */
  async #yieldTo(
    key: TokenKey,
    document: KeyDocument,
    winner: StoredGrant,
    ours: StoredGrant,
    options: WriteOptions,
  ): Promise<CachedRecord> {
    const dueSoonAt = dueAfterOverlapAt(winner, this.#clock.now());
    const overlapped = options.source === 'upstream' && winner.value !== ours.value && dueSoonAt < winner.dueAt;
    const grant = overlapped ? { ...winner, dueAt: dueSoonAt } : winner;
    if (overlapped) return this.#moveDue(key, { ...document, grant }, grant, options);
    await this.release(options);
    return this.#records.adopt(key, document, winner, { source: 'store', announceFirst: options.enrolment.hadTask });
  }

  /** Stores that the grant in force is due at another time, and puts in force whatever is stored then. */
  async #moveDue(
    key: TokenKey,
    document: KeyDocument,
    grant: StoredGrant,
    options: WriteOptions,
  ): Promise<CachedRecord> {
    const moved = { ...document, report: undefined, trying: undefined };
    const version = await this.#documents.save(key, moved, saveOptions(grant.dueAt, options));
    const adoption: Adoption = { source: 'store', announceFirst: options.enrolment.hadTask };
    if (version !== undefined) return this.#records.adopt(key, { ...document, version }, grant, adoption);
    await this.release(options);
    const stored = await this.#documents.read(key);
    if (stored.grant !== undefined) return this.#records.adopt(key, stored, stored.grant, adoption);
    const state = await checkRegistration(this.#store, key, options.enrolment);
    if (state !== 'same') throw goneError(key, state);
    return this.#write(key, stored, grant, withoutLease(options));
  }

  /**
   * Deletes a document that was created for a registration that has gone meanwhile. One that was there before is deleted by the
   * unregistration itself, and not where a registration was taken back or evicted: then its refresh token is the only good one.
   * One that a new registration has found is left to that, which may have its due in it, and hides the grant.
   *
   * @throws a `TokenError`: `NOT_REGISTERED`, or `STORE_UNAVAILABLE` where the app may be put back.
   */
  async #assertRegistered(key: TokenKey, version: number, options: WriteOptions, written: Written): Promise<void> {
    const state = await checkRegistration(this.#store, key, options.enrolment);
    if (state === 'same') return;
    const isReplaced = this.#records.generation !== written.generation;
    if (state === 'awaited' || isReplaced) throw isAwaited(key);
    if (state === 'gone' && written.isFirst) await this.#store.delete(documentId('key', key), version);
    this.#records.cache.delete(key);
    throw notRegistered(key);
  }

  #publish(
    key: TokenKey,
    { version, recordVersion, rotation }: KeyDocument,
    grant: StoredGrant,
    { source, reason }: WriteOptions,
  ): CachedRecord {
    const document: KeyDocument = { version, recordVersion, grant, rotation, unknown: {} };
    this.#records.cache.clearFailure(key);
    this.#lastVersions.set(keyId(key), version);
    return this.#records.adopt(key, document, grant, { source, reason, announceFirst: true });
  }

  /** Returns whether a document is the one that was written under this version. */
  #shows(document: KeyDocument, version: number, { value, obtainedAt }: StoredGrant): boolean {
    const { grant } = document;
    return document.version === version && grant?.value === value && grant.obtainedAt === obtainedAt;
  }
}

/** The state before a write that has been made. */
interface Written {
  readonly isFirst: boolean;
  /** The number of times that the store had been replaced when the writing began. */
  readonly generation: number;
}

function saveOptions(dueAt: number, { enrolment, lease }: WriteOptions): SaveOptions {
  return { hadTask: enrolment.hadTask, dueAt, lease };
}

function withoutLease({ lease: _lease, ...options }: WriteOptions): WriteOptions {
  return options;
}
