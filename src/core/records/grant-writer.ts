import { type Enrolment, marksOf } from '../model/enrolment.js';
import { TokenError } from '../model/errors.js';
import type { RefreshedEvent } from '../model/events.js';
import { dueAfterOverlapAt, dueAgainAt, lifeMs } from '../model/refresh-policy.js';
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
import { revocationBy } from './earlier-tokens.js';
import { type GrantOrigin, mayFollow, rotationAfter, verdictOn } from './grant-verdict.js';
import type { Adoption, Records } from './records.js';

export interface WriteOptions extends GrantOrigin {
  readonly reason?: RefreshedEvent['reason'];
  readonly lease?: Lease;
  /** The registration of the key when the grant was requested. */
  readonly enrolment: Enrolment;
  /** Called after a write that lost to another process. If it throws, the writing ends and nothing is stored. */
  readonly beforeRetry?: () => void;
}

/**
 * The maximum number of attempts to write. A refresh that sends the stored refresh token and those of the reserve in turn
 * writes twice for each, and the login of a user must not fail because of it.
 */
const MAX_ROUNDS = 20;
/**
 * The number of versions that are remembered. Notifications of earlier writes have arrived by the time they are
 * dropped.
 */
const MAX_REMEMBERED = 1_000;

/** Writes grants by compare-and-set, and makes current what the store holds in the end. */
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
   * Writes a grant.
   *
   * @param before - the document that the write is to replace.
   * @returns the current record: this one, or a newer one that was stored meanwhile.
   * @throws a `TokenError`: `STORE_UNAVAILABLE`, or `NOT_REGISTERED` if the key was unregistered meanwhile.
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
   * Stores a refresh token whose grant is unusable, unless another refresh token has been stored meanwhile.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async writeToken(key: TokenKey, options: WriteOptions): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const document = await this.#documents.read(key);
      if (!mayFollow(document, options)) return;
      const state = await checkRegistration(this.#store, key, options.enrolment);
      if (state === 'awaited') throw isAwaited(key);
      // An unregistration deletes the document. If the document still exists, the registration was rolled back or
      // evicted.
      if (state === 'gone' && (document.version === 0 || options.spent === undefined)) return;
      const rotation = rotationAfter(document.rotation, options, this.#clock.now());
      // The recorded failure belongs to the refresh token that is replaced.
      const trying = rotation?.token === document.rotation?.token ? document.trying : undefined;
      const next: KeyDocument = { ...document, rotation, trying };
      const saving = saveOptions(nextDueAt(next, this.#clock.now()), options);
      if ((await this.#documents.save(key, next, saving)) !== undefined) return;
    }
    throw isChangedMeanwhile(key);
  }

  /**
   * Resolves when this process has no write of the key in progress. Notifications that arrive before may be of that
   * write.
   */
  async idle(key: TokenKey): Promise<void> {
    await this.#writing.get(keyId(key));
  }

  /** Returns the version that was last written and adopted here, so that a notification of it can be ignored. */
  lastVersion(key: TokenKey): number | undefined {
    return this.#lastVersions.get(keyId(key));
  }

  /** Forgets the last written versions, since a replaced store may assign the same versions again. */
  forgetVersions(): void {
    this.#lastVersions.clear();
  }

  /** Releases the lease if no write has done so, since a write releases it only if it succeeds. */
  async release({ lease }: WriteOptions): Promise<void> {
    if (lease !== undefined) await this.#store.release(lease);
  }

  async #write(key: TokenKey, before: KeyDocument, got: StoredGrant, given: WriteOptions): Promise<CachedRecord> {
    const { generation } = this.#records.displaced;
    let document = await this.#withLostRotation(key, before);
    let options = given;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const verdict = verdictOn(got, document, options, this.#clock.now());
      if (verdict.kind === 'standBack') return this.#standBack(key, document, options);
      if (verdict.kind === 'repeats') return this.#keep(key, verdict.document, verdict.winner, got, options);
      if (verdict.kind === 'yields') return this.#yieldTo(key, verdict.document, verdict.winner, got, options);
      const { inForce, isBeside } = verdict;
      const next = {
        ...verdict.next,
        enrolment: marksOf(options.enrolment),
        ...(options.reason === 'forced' &&
          !isBeside && { revokedAt: revocationBy(inForce, document.grant, document.revokedAt) }),
      };
      const writtenIn = this.#records.displaced.generation;
      const saving = saveOptions(inForce.dueAt, options);
      const version = isBeside
        ? await this.#documents.save(key, { ...next, trying: undefined }, saving)
        : await this.#documents.saveGrant(key, next, inForce, saving);
      if (version !== undefined) {
        const recordVersion = isBeside ? document.recordVersion : version;
        const isFirst = document.version === 0;
        await this.#assertRegistered(key, version, options, { isFirst, generation });
        const isSameStore = this.#records.displaced.generation === writtenIn;
        const found = isSameStore
          ? { ...next, version, recordVersion, grant: inForce }
          : await this.#documents.read(key);
        if (this.#shows(found, version, inForce)) return this.#publish(key, found, inForce, options);
        // The store was replaced meanwhile, and the new one lacks the written document and the lease.
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
      // The present or a later registration may depend on the refresh token that was obtained by spending another.
      if (state !== 'same' && options.spent !== undefined) await this.writeToken(key, options);
      if (state !== 'same') throw goneError(key, state);
      document = await this.#withLostRotation(key, document);
      const { rotation = this.#records.displaced.generation === generation ? undefined : before.rotation } = document;
      document = { ...document, rotation };
    }
    throw isChangedMeanwhile(key);
  }

  /**
   * Adds the cached refresh token to a document that lacks it or has an older one, so that the next write includes it.
   */
  async #withLostRotation(key: TokenKey, document: KeyDocument): Promise<KeyDocument> {
    const held = this.#records.cache.get(key);
    if (held?.rotation === undefined) return document;
    if (document.rotation !== undefined) return { ...document, rotation: this.#records.goingOn(held, document) };
    if (held.isStored) await this.#store.judgeAbsence(documentId('key', key));
    return this.#records.displaced.has(held) ? { ...document, rotation: held.rotation } : document;
  }

  /** Adopts the stored document, because the refresh token that was sent has been replaced by another since. */
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

  /**
   * Keeps the record, since the answer did not extend the current token. WeChat is asked again before the token
   * expires.
   */
  async #keep(
    key: TokenKey,
    document: KeyDocument,
    current: StoredGrant,
    answer: StoredGrant,
    options: WriteOptions,
  ): Promise<CachedRecord> {
    // The same instant identifies this process's own write, which took effect although the store did not confirm it in
    // time.
    if (options.source !== 'upstream' || current.obtainedAt === answer.obtainedAt) {
      await this.release(options);
      return this.#records.adopt(key, document, current, { source: 'store', announceFirst: options.enrolment.hadTask });
    }
    const now = this.#clock.now();
    const statedMs = Math.min(answer.expiresAt - now, lifeMs(answer));
    const leftMs = Math.min(current.expiresAt - now, Math.max(this.#records.leftOfGrantMs(key, current), statedMs));
    const grant = { ...current, dueAt: dueAgainAt(current, now, leftMs) };
    return this.#moveDue(key, { ...document, grant }, grant, options, statedMs);
  }

  /**
   * Adopts the newer of two answers and makes it due soon, since it is unknown which token WeChat considers current.
   */
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

  /** Stores another due for the current grant, and adopts what is stored then. */
  async #moveDue(
    key: TokenKey,
    document: KeyDocument,
    grant: StoredGrant,
    options: WriteOptions,
    statedMs?: number,
  ): Promise<CachedRecord> {
    const moved = { ...document, report: undefined, trying: undefined };
    const version = await this.#documents.save(key, moved, saveOptions(grant.dueAt, options));
    const adoption: Adoption = { source: 'store', announceFirst: options.enrolment.hadTask };
    if (version !== undefined) {
      const proven = statedMs === undefined ? adoption : { ...adoption, statedMs };
      return this.#records.adopt(key, { ...document, version }, grant, proven);
    }
    await this.release(options);
    const stored = await this.#documents.read(key);
    if (stored.grant !== undefined) return this.#records.adopt(key, stored, stored.grant, adoption);
    const state = await checkRegistration(this.#store, key, options.enrolment);
    if (state !== 'same') throw goneError(key, state);
    return this.#write(key, stored, grant, withoutLease(options));
  }

  /**
   * Deletes a document that was created for a registration which ended meanwhile. A document that existed before is
   * left alone: an unregistration deletes it, and if a registration was rolled back or evicted, it has the only valid
   * refresh token. A document that a new registration has found is left alone too, since that registration hides the
   * grant and may have stored its due in the document.
   *
   * @throws a `TokenError`: `NOT_REGISTERED`, or `STORE_UNAVAILABLE` if the app may be put back.
   */
  async #assertRegistered(key: TokenKey, version: number, options: WriteOptions, written: Written): Promise<void> {
    const state = await checkRegistration(this.#store, key, options.enrolment);
    if (state === 'same') return;
    const isReplaced = this.#records.displaced.generation !== written.generation;
    if (state === 'awaited' || isReplaced) throw isAwaited(key);
    if (state === 'gone' && written.isFirst) await this.#store.delete(documentId('key', key), version);
    this.#records.cache.delete(key);
    throw notRegistered(key);
  }

  #publish(
    key: TokenKey,
    { version, recordVersion, rotation, revokedAt }: KeyDocument,
    grant: StoredGrant,
    { source, reason }: WriteOptions,
  ): CachedRecord {
    const document: KeyDocument = { version, recordVersion, grant, rotation, revokedAt, unknown: {} };
    this.#records.cache.clearFailure(key);
    this.#lastVersions.set(keyId(key), version);
    return this.#records.adopt(key, document, grant, { source, reason, announceFirst: true });
  }

  /** Returns whether a document is the one that was written with this version. */
  #shows(document: KeyDocument, version: number, { value, obtainedAt }: StoredGrant): boolean {
    const { grant } = document;
    return document.version === version && grant?.value === value && grant.obtainedAt === obtainedAt;
  }
}

/** The state before a write, which is compared with the state after it. */
interface Written {
  readonly isFirst: boolean;
  /** The number of replacements of the store when the writing began. */
  readonly generation: number;
}

function saveOptions(dueAt: number, { enrolment, lease }: WriteOptions): SaveOptions {
  return { hadTask: enrolment.hadTask, dueAt, lease };
}

function withoutLease({ lease: _lease, ...options }: WriteOptions): WriteOptions {
  return options;
}
