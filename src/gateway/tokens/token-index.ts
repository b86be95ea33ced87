import type { Clock } from '../../core/concurrency/clock.js';
import type { EnrolmentMarks } from '../../core/model/enrolment.js';
import { keyId, type TokenKey } from '../../core/model/token-key.js';

/** A token that callers may present, without its value. */
export interface KnownToken {
  readonly key: TokenKey;
  /** The instant at which it was asked for. */
  readonly obtainedAt: number;
  readonly expiresAt: number;
}

/** A token with the registration that it was handed out for. */
export interface RegisteredToken extends KnownToken {
  /** The marks of the registration; absent if it has none. */
  readonly marks?: EnrolmentMarks | undefined;
}

/**
 * Returns whether a token says more than what is known of it: it lives longer, or belongs to another registration. Its key
 * never changes: callers that may put tokens of one app must not take those of another by their values.
 */
export function saysMore({ key, expiresAt, marks }: RegisteredToken, known: RegisteredToken): boolean {
  if (keyId(key) !== keyId(known.key)) return false;
  const isOfAnother = marks !== undefined && (marks.app !== known.marks?.app || marks.task !== known.marks?.task);
  return expiresAt > known.expiresAt || isOfAnother;
}

/**
 * Returns a known token with what was learned of it. WeChat prolongs the token of a user when it is renewed, and keeps its
 * value. The earlier instant stays, since it decides whether the token was revoked.
 */
export function merged(
  known: RegisteredToken,
  { obtainedAt, expiresAt, marks = known.marks }: RegisteredToken,
): RegisteredToken {
  return {
    key: known.key,
    obtainedAt: Math.min(known.obtainedAt, obtainedAt),
    expiresAt: Math.max(known.expiresAt, expiresAt),
    ...(marks && { marks }),
  };
}

/** The current token of a key, and at most 24 earlier ones. */
const MAX_OF_KEY = 25;
const MAX_TOKENS = 200_000;

/** The tokens of a key. They share its object, because each record that is read anew has one of its own. */
interface TokensOfKey {
  readonly key: TokenKey;
  hashes: string[];
}

/**
 * Finds the keys of tokens by their hashes, in memory. Their ends are kept by a time that goes on with the monotonic clock, so that
 * a wall clock that is set forward ends none of them.
 */
export class TokenIndex {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;
  /** The steady time at the zero of the monotonic clock. */
  readonly #zero: number;
  /** The tokens by hash; the one that was added first comes first. */
  readonly #tokens = new Map<string, RegisteredToken>();
  readonly #tokensOfKeys = new Map<string, TokensOfKey>();

  /** @param clock - the clock of the store. */
  constructor(clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#clock = clock;
    this.#zero = clock.now() - clock.monotonic();
  }

  /** Returns the number of tokens. */
  get size(): number {
    return this.#tokens.size;
  }

  /** Returns a token that has not expired. */
  find(hash: string): RegisteredToken | undefined {
    const token = this.#tokens.get(hash);
    return token !== undefined && token.expiresAt > this.#now() ? token : undefined;
  }

  /**
   * Adds a token, or prolongs it. Of one key, the tokens that were obtained last are kept.
   *
   * @param leftMs - the time until its end, where that is known better than by the wall clock.
   */
  add(hash: string, given: RegisteredToken, leftMs: number = given.expiresAt - this.#clock.now()): void {
    const token = { ...given, expiresAt: Math.round(this.#now() + leftMs) };
    const known = this.#tokens.get(hash);
    if (known !== undefined) {
      if (!saysMore(token, known)) return;
      this.#tokens.delete(hash);
      this.#tokens.set(hash, merged(known, token));
      return;
    }
    this.#makeRoom();
    const id = keyId(token.key);
    const ofKey = this.#tokensOfKeys.get(id) ?? { key: token.key, hashes: [] };
    if (ofKey.hashes.length === 0) this.#tokensOfKeys.set(id, ofKey);
    this.#tokens.set(hash, { ...token, key: ofKey.key });
    ofKey.hashes.push(hash);
    if (ofKey.hashes.length > MAX_OF_KEY) this.#delete(this.#oldestOf(ofKey.hashes));
  }

  #now(): number {
    return this.#zero + this.#clock.monotonic();
  }

  /** Deletes the first tokens that have expired. Most tokens live equally long, so that they expire in their order. */
  #makeRoom(): void {
    const now = this.#now();
    for (const [hash, { expiresAt }] of this.#tokens) {
      if (expiresAt > now && this.#tokens.size < MAX_TOKENS) return;
      this.#delete(hash);
    }
  }

  #oldestOf(hashes: readonly string[]): string {
    const obtainedAt = (hash: string): number => this.#tokens.get(hash)?.obtainedAt ?? 0;
    return hashes.reduce((oldest, hash) => (obtainedAt(hash) < obtainedAt(oldest) ? hash : oldest));
  }

  #delete(hash: string): void {
    const token = this.#tokens.get(hash);
    if (token === undefined) return;
    this.#tokens.delete(hash);
    const id = keyId(token.key);
    const ofKey = this.#tokensOfKeys.get(id);
    if (ofKey === undefined) return;
    ofKey.hashes = ofKey.hashes.filter((other) => other !== hash);
    if (ofKey.hashes.length === 0) this.#tokensOfKeys.delete(id);
  }
}
