import type { Clock } from '../../core/concurrency/clock.js';
import { type FakeBook, randomValue } from './issue.js';

/**
 * The treatment of a refresh token that is used: it is `kept`, as WeChat documents for merchants; it is invalid at once and
 * another comes with the answer (`single-use`); or it stays good for a while, in which the same other one comes again.
 *
 * @public
 */
export type FakeRefreshTokenMode = 'kept' | 'single-use' | { readonly graceSeconds: number };

/** The reason why a refresh token is refused. One that was used up counts as unknown. */
export type FakeRefreshTokenRefusal = 'unknown' | 'expired' | 'withdrawn';

interface IssuedRefreshToken<Owner> {
  readonly owner: Owner;
  endsAt: number;
  usedAt: number | undefined;
  successor: string | undefined;
  /** The reason why all refresh tokens of its owner are refused. */
  refusal: FakeRefreshTokenRefusal | undefined;
}

/** Records the refresh tokens that were issued to owners of one kind, and their validity. */
export class FakeRefreshTokens<Owner> implements FakeBook {
  /** The number of times that a used refresh token was sent again. */
  replays = 0;
  readonly #clock: Clock;
  readonly #mode: FakeRefreshTokenMode;
  readonly #issued = new Map<string, IssuedRefreshToken<Owner>>();

  constructor(clock: Clock, mode: FakeRefreshTokenMode) {
    this.#clock = clock;
    this.#mode = mode;
  }

  /**
   * Issues a refresh token.
   *
   * @param lifeMs - the lifetime; `Infinity` for a refresh token that does not expire.
   */
  issue(owner: Owner, lifeMs: number): string {
    return this.#issue(owner, this.#clock.now() + lifeMs);
  }

  /**
   * Uses a refresh token, and returns its owner and the refresh token for the answer, or the reason why it is refused.
   *
   * @param isSender - returns whether an owner sends the request. A refresh token of another owner counts as unknown, and
   *   is not used up.
   */
  use(
    value: string,
    isSender: (owner: Owner) => boolean,
  ): { readonly owner: Owner; readonly next: string } | FakeRefreshTokenRefusal {
    const issued = this.#issued.get(value);
    if (issued === undefined || !isSender(issued.owner)) return 'unknown';
    if (issued.usedAt !== undefined) this.replays += 1;
    const refusal = this.#refusalOf(issued);
    if (refusal !== undefined) return refusal;
    if (this.#mode === 'kept') return { owner: issued.owner, next: value };
    issued.usedAt ??= this.#clock.now();
    issued.successor ??= this.#issue(issued.owner, issued.endsAt);
    return { owner: issued.owner, next: issued.successor };
  }

  ownerOf(value: string): Owner | undefined {
    return this.#issued.get(value)?.owner;
  }

  /** Returns the refresh token that was issued last to an owner; `undefined` if there is none. */
  newestOf(owner: Owner): string | undefined {
    return [...this.#issued].findLast(([, issued]) => issued.owner === owner)?.[0];
  }

  isValid(value: string): boolean {
    const issued = this.#issued.get(value);
    return issued !== undefined && this.#refusalOf(issued) === undefined;
  }

  /** Refuses all refresh tokens that an owner has at this time. */
  refuse(owner: Owner, refusal: FakeRefreshTokenRefusal): void {
    for (const issued of this.#issued.values()) if (issued.owner === owner) issued.refusal = refusal;
  }

  expire(value: string): void {
    const issued = this.#issued.get(value);
    if (issued !== undefined) issued.endsAt = this.#clock.now();
  }

  #issue(owner: Owner, endsAt: number): string {
    const value = randomValue('refresh_');
    this.#issued.set(value, { owner, endsAt, usedAt: undefined, successor: undefined, refusal: undefined });
    return value;
  }

  #refusalOf({ refusal, endsAt, usedAt }: IssuedRefreshToken<Owner>): FakeRefreshTokenRefusal | undefined {
    const now = this.#clock.now();
    if (refusal !== undefined) return refusal;
    if (endsAt <= now) return 'expired';
    if (usedAt === undefined) return undefined;
    const graceMs = typeof this.#mode === 'object' ? this.#mode.graceSeconds * 1_000 : 0;
    return now < usedAt + graceMs ? undefined : 'unknown';
  }
}
