import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.js';

/**
 * What becomes of a refresh token that is used: it is `kept`, as WeChat documents for merchants; it is dead at once and
 * another comes with the answer (`single-use`); or it stays good for a while, in which the same other one comes again.
 *
 * @public
 */
export type FakeRefreshTokenMode = 'kept' | 'single-use' | { readonly graceSeconds: number };

/** Why a refresh token is refused. */
export type FakeRefreshTokenRefusal = 'unknown' | 'expired' | 'withdrawn';

interface IssuedRefreshToken {
  readonly value: string;
  readonly owner: string;
  endsAt: number;
  usedAt: number | undefined;
  successor: string | undefined;
  withdrawn: boolean;
}

/** Which refresh tokens the fake has issued, and which of them it would accept. */
export class FakeRefreshTokens {
  /** How often one came that had been used before. */
  replays = 0;
  readonly #clock: Clock;
  readonly #mode: FakeRefreshTokenMode;
  readonly #issued = new Map<string, IssuedRefreshToken>();

  constructor(clock: Clock, mode: FakeRefreshTokenMode) {
    this.#clock = clock;
    this.#mode = mode;
  }

  /** @param lifeMs - `Infinity` for one that does not end. */
  issue(owner: string, lifeMs: number): string {
    return this.#issue(owner, this.#clock.now() + lifeMs);
  }

  /** Uses one up: whose it is and the one that comes with the answer, or why it is refused. */
  use(value: string): { readonly owner: string; readonly successor: string } | FakeRefreshTokenRefusal {
    const issued = this.#issued.get(value);
    if (issued !== undefined && issued.usedAt !== undefined) this.replays += 1;
    const refusal = this.#refusal(issued);
    if (issued === undefined || refusal !== undefined) return refusal ?? 'unknown';
    if (this.#mode === 'kept') return { owner: issued.owner, successor: value };
    issued.usedAt ??= this.#clock.now();
    issued.successor ??= this.#issue(issued.owner, issued.endsAt);
    return { owner: issued.owner, successor: issued.successor };
  }

  ownerOf(value: string): string | undefined {
    return this.#issued.get(value)?.owner;
  }

  isAccepted(value: string): boolean {
    return this.#refusal(this.#issued.get(value)) === undefined;
  }

  /** Ends all of an owner's. */
  withdraw(owner: string): void {
    for (const issued of this.#issued.values()) if (issued.owner === owner) issued.withdrawn = true;
  }

  /** Another authorization has taken the place of all of an owner's. */
  forget(owner: string): void {
    for (const [value, issued] of this.#issued) if (issued.owner === owner) this.#issued.delete(value);
  }

  expire(value: string): void {
    const issued = this.#issued.get(value);
    if (issued !== undefined) issued.endsAt = this.#clock.now();
  }

  #issue(owner: string, endsAt: number): string {
    const value = `refresh_${randomBytes(24).toString('hex')}`;
    this.#issued.set(value, { value, owner, endsAt, usedAt: undefined, successor: undefined, withdrawn: false });
    return value;
  }

  #refusal(issued: IssuedRefreshToken | undefined): FakeRefreshTokenRefusal | undefined {
    if (issued === undefined) return 'unknown';
    if (issued.withdrawn) return 'withdrawn';
    if (issued.endsAt <= this.#clock.now()) return 'expired';
    if (issued.usedAt === undefined) return undefined;
    const graceMs = typeof this.#mode === 'object' ? this.#mode.graceSeconds * 1_000 : 0;
    return this.#clock.now() < issued.usedAt + graceMs ? undefined : 'unknown';
  }
}
