import type { Clock } from '../../core/concurrency/clock.js';
import { type ReadOutcome, VainReads } from '../../core/concurrency/vain-reads.js';
import { belongsTo, type Enrolment, marksOf } from '../../core/model/enrolment.js';
import type { TokenKey } from '../../core/model/token-key.js';
import { boundedCache } from '../../core/primitives/bounded-cache.js';
import { noop } from '../../core/primitives/noop.js';
import type { CachedRecord } from '../../core/records/cached-record.js';
import type { Records } from '../../core/records/records.js';
import type { StoredTokens } from './stored-tokens.js';
import { tokenHash } from './token-hash.js';
import { type KnownToken, type RegisteredToken, TokenIndex } from './token-index.js';
import { TokenWrites } from './token-writes.js';

/** The types whose tokens open the calls of WeChat's API. */
const CALL_TYPES: ReadonlySet<string> = new Set(['access_token', 'component_access_token', 'authorizer_access_token']);
const READ_RATES = { perSecond: 50, perSecondOfSender: 25 };
const MISS_MS = 1_000;
/** The time for which a record that was handed out by another contract is not noted again. */
const NOTED_MS = 60_000;
const MAX_REMEMBERED = 10_000;

/** The registrations of keys. Those that were not used for long are read again, because a fleet may have more than a process can hold. */
export interface Registrations {
  /** Returns the registration of a key as far as it is in memory. */
  enrolment(key: TokenKey): Enrolment;
  /** Returns whether the registration of a key is in memory. */
  isCached(key: TokenKey): boolean;
  /** Reads registrations into memory. Rejects if the store fails. */
  load(keys: readonly TokenKey[]): Promise<void>;
}

/**
 * The result of a look-up: the token, `unknown` if no process has handed it out, or `unsure` if the store could not be
 * asked.
 */
export type TokenLookUp = RegisteredToken | 'unknown' | 'unsure';

/** After a restart each caller's token is looked up once. Only invented ones can be looked up without end. */
function outcomeOf(found: TokenLookUp): ReadOutcome {
  if (typeof found === 'object') return 'found';
  return found === 'unknown' ? 'vain' : 'failed';
}

/**
 * Recognizes the tokens that this server holds or has handed out: current ones and those before them, by their hashes.
 *
 * The reads of the store that find no token are limited, because no valid credential is needed to cause them.
 */
export class KnownTokens {
  readonly #stored: StoredTokens;
  readonly #registrations: Registrations;
  readonly #clock: Clock;
  readonly #index: TokenIndex;
  readonly #reads: VainReads;
  /** The ends of cached misses on the monotonic clock, by hash. */
  readonly #misses = boundedCache<string, number>(MAX_REMEMBERED);
  readonly #lookUps = new Map<string, Promise<TokenLookUp>>();
  readonly #writes: TokenWrites;
  /** The times, on the monotonic clock, until which records that other contracts handed out are not noted again. */
  readonly #noted = new WeakMap<object, number>();
  /** The token that was recognized last, with its hash: many calls in a row present the same one. */
  #last: { readonly value: string; readonly hash: string } | undefined;
  #isFollowing = false;

  /** @param clock - the clock of the store. */
  constructor(stored: StoredTokens, registrations: Registrations, clock: Clock) {
    this.#stored = stored;
    this.#registrations = registrations;
    this.#clock = clock;
    this.#writes = new TokenWrites(stored, clock);
    this.#index = new TokenIndex(clock);
    this.#reads = new VainReads(clock, READ_RATES);
  }

  /** Recognizes every token that becomes current in this process from now on, and those that are. */
  follow(records: Pick<Records, 'listen'>): void {
    this.#isFollowing = true;
    records.listen((cached) => this.#adopt(cached));
  }

  /**
   * Notes that a token leaves the server. Resolves when every process of the fleet can recognize it, or the store has
   * failed: the token is then recognized by this process alone until it can be stored.
   */
  async handOut(value: string, given: KnownToken): Promise<void> {
    const hash = tokenHash(value);
    // Without its marks the token would open calls for any later registration. Without the store it is handed out all the same.
    if (!this.#isJudgeable(given.key)) await this.#registrations.load([given.key]).catch(noop);
    const token = this.#withMarks(given);
    this.#index.add(hash, token);
    return this.#writes.write(hash, token);
  }

  /**
   * Notes that a token leaves the server by a contract in which tokens are no credentials. Its answer waits for the store only
   * if that can be expected to answer soon, because these contracts do without it.
   *
   * @returns what the answer has to wait for; `undefined` for a record that was noted lately, as for most.
   */
  noteHandedOut(
    key: TokenKey,
    record: Pick<CachedRecord, 'value' | 'obtainedAt' | 'expiresAt'>,
  ): Promise<void> | undefined {
    if (!this.#isFollowing || !CALL_TYPES.has(key.type)) return undefined;
    if (this.#clock.monotonic() < (this.#noted.get(record) ?? 0)) return undefined;
    const { value, obtainedAt, expiresAt } = record;
    const written = this.handOut(value, { key, obtainedAt, expiresAt }).then(() => {
      this.#noted.set(record, this.#clock.monotonic() + NOTED_MS);
    });
    return this.#stored.isReady ? written : undefined;
  }

  /**
   * Returns whether a token was handed out for the present registration of its app, and not for an earlier one.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` if the registration is not in memory and cannot be read.
   */
  async isOfPresent({ key, marks }: RegisteredToken): Promise<boolean> {
    if (!this.#isJudgeable(key)) await this.#registrations.load([key]);
    return belongsTo(marks, this.#registrations.enrolment(key));
  }

  /**
   * Recognizes a token.
   *
   * @param network - the network of the caller, whose look-ups are limited.
   */
  async find(value: string, network: string): Promise<TokenLookUp> {
    this.#writes.writeAgain();
    const hash = value === this.#last?.value ? this.#last.hash : tokenHash(value);
    const held = this.#index.find(hash);
    if (held !== undefined) {
      this.#last = { value, hash };
      return held;
    }
    const underWay = this.#lookUps.get(hash);
    if (underWay !== undefined) return underWay;
    if (this.#clock.monotonic() < (this.#misses.get(hash) ?? 0)) return 'unknown';
    const lookUp = this.#lookUp(hash, network).finally(() => this.#lookUps.delete(hash));
    this.#lookUps.set(hash, lookUp);
    return lookUp;
  }

  /** Looks up a token within the limits. It never rejects. */
  async #lookUp(hash: string, network: string): Promise<TokenLookUp> {
    return (await this.#reads.run(network, () => this.#read(hash), outcomeOf)) ?? 'unsure';
  }

  /** Reads a token from the store. It never rejects. */
  async #read(hash: string): Promise<TokenLookUp> {
    try {
      const stored = await this.#stored.find(hash);
      if (stored !== undefined) this.#index.add(hash, stored);
    } catch {
      return 'unsure';
    }
    const found = this.#index.find(hash);
    if (found !== undefined) return found;
    this.#misses.set(hash, this.#clock.monotonic() + MISS_MS);
    return 'unknown';
  }

  #adopt({ key, value, obtainedAt, expiresAt, endsAtMonotonic }: CachedRecord): void {
    if (!CALL_TYPES.has(key.type)) return;
    const hash = tokenHash(value);
    const add = (): void =>
      this.#index.add(hash, this.#withMarks({ key, obtainedAt, expiresAt }), endsAtMonotonic - this.#clock.monotonic());
    add();
    if (!this.#isJudgeable(key)) this.#registrations.load([key]).then(add, noop);
  }

  /** Returns whether it is known to which registration a token belongs. For that of a user the app suffices, which its callers read. */
  #isJudgeable(key: TokenKey): boolean {
    return !CALL_TYPES.has(key.type) || this.#registrations.isCached(key);
  }

  #withMarks(token: KnownToken): RegisteredToken {
    const marks = marksOf(this.#registrations.enrolment(token.key));
    return marks === undefined ? token : { ...token, marks };
  }
}
