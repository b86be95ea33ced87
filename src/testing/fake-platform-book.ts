import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.js';
import type { FakeRefreshTokenRefusal, FakeRefreshTokens } from './fake-refresh-tokens.js';
import type { FakeIssue, FakeTokenBook } from './fake-token-book.js';

const TICKET_LIFE_MS = 12 * 3_600_000;

/** Third-party platforms: the tickets that were pushed to them, and the merchants that have authorized them. */
export class FakePlatformBook {
  readonly #clock: Clock;
  readonly #tokens: FakeTokenBook;
  readonly #refreshTokens: FakeRefreshTokens;
  readonly #tickets = new Map<string, { readonly component: string; endsAt: number }>();

  constructor(clock: Clock, tokens: FakeTokenBook, refreshTokens: FakeRefreshTokens) {
    this.#clock = clock;
    this.#tokens = tokens;
    this.#refreshTokens = refreshTokens;
  }

  /** The ticket before it stays good until it is 12 hours old. */
  pushTicket(component: string): string {
    const ticket = `ticket@@@${randomBytes(24).toString('hex')}`;
    this.#tickets.set(ticket, { component, endsAt: this.#clock.now() + TICKET_LIFE_MS });
    return ticket;
  }

  expireTicket(ticket: string): void {
    const pushed = this.#tickets.get(ticket);
    if (pushed !== undefined) pushed.endsAt = this.#clock.now();
  }

  componentToken(component: string, ticket: string): FakeIssue | 'unknown' | 'expired' {
    const pushed = this.#tickets.get(ticket);
    if (pushed?.component !== component) return 'unknown';
    return pushed.endsAt > this.#clock.now() ? this.#tokens.componentToken(component) : 'expired';
  }

  /** A merchant authorizes, perhaps again: what it was given before is dead. */
  authorize(component: string, merchant: string): string {
    const owner = ownerOf(component, merchant);
    this.#refreshTokens.forget(owner);
    this.#tokens.revokeAuthorizer(merchant);
    return this.#refreshTokens.issue(owner, Number.POSITIVE_INFINITY);
  }

  withdraw(component: string, merchant: string): void {
    this.#refreshTokens.withdraw(ownerOf(component, merchant));
    this.#tokens.revokeAuthorizer(merchant);
  }

  authorizerToken(
    component: string,
    merchant: string,
    refreshToken: string,
  ): { readonly issue: FakeIssue; readonly refreshToken: string } | FakeRefreshTokenRefusal {
    if (this.#refreshTokens.ownerOf(refreshToken) !== ownerOf(component, merchant)) return 'unknown';
    const used = this.#refreshTokens.use(refreshToken);
    if (typeof used === 'string') return used;
    return { issue: this.#tokens.authorizerToken(merchant), refreshToken: used.successor };
  }
}

function ownerOf(component: string, merchant: string): string {
  return `${component}/${merchant}`;
}
