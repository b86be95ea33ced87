import type { Clock } from '../../core/concurrency/clock.js';
import { type FakeBook, type FakeIssue, randomValue } from './issue.js';
import { type FakeRefreshTokenMode, type FakeRefreshTokenRefusal, FakeRefreshTokens } from './refresh-tokens.js';
import type { FakeTokenBook } from './token-book.js';

/** The answer to a merchant's refresh. */
interface FakeMerchantIssue extends FakeIssue {
  readonly refreshToken: string;
}

interface Authorization {
  readonly component: string;
  readonly merchant: string;
}

const TICKET_LIFE_MS = 12 * 3_600_000;

/** Records the tickets that were pushed to third-party platforms, and the merchants that have authorized them. */
export class FakePlatformBook implements FakeBook {
  readonly refreshTokens: FakeRefreshTokens<Authorization>;
  readonly #clock: Clock;
  readonly #tokens: FakeTokenBook;
  readonly #tickets = new Map<string, { readonly component: string; endsAt: number }>();
  /** The current authorizations by platform and merchant. */
  readonly #authorizations = new Map<string, Authorization>();

  constructor(clock: Clock, tokens: FakeTokenBook, mode: FakeRefreshTokenMode) {
    this.#clock = clock;
    this.#tokens = tokens;
    this.refreshTokens = new FakeRefreshTokens(clock, mode);
  }

  /** Issues a new ticket. The previous one remains valid until it is 12 hours old. */
  pushTicket(component: string): string {
    const ticket = randomValue('ticket@@@');
    this.#tickets.set(ticket, { component, endsAt: this.#clock.now() + TICKET_LIFE_MS });
    return ticket;
  }

  componentToken(component: string, ticket: string): FakeIssue | 'unknown' | 'expired' {
    if (this.#tickets.get(ticket)?.component !== component) return 'unknown';
    return this.#isTicketValid(ticket) ? this.#tokens.componentToken(component) : 'expired';
  }

  /** Authorizes a platform for a merchant, possibly again. The tokens of an earlier authorization become invalid. */
  authorize(component: string, merchant: string): string {
    this.withdraw(component, merchant);
    const authorization = { component, merchant };
    this.#authorizations.set(idOf(authorization), authorization);
    return this.refreshTokens.issue(authorization, Number.POSITIVE_INFINITY);
  }

  withdraw(component: string, merchant: string): void {
    const id = idOf({ component, merchant });
    const authorization = this.#authorizations.get(id);
    if (authorization === undefined) return;
    this.#authorizations.delete(id);
    this.refreshTokens.refuse(authorization, 'unknown');
    this.#tokens.revokeAuthorizer(component, merchant);
  }

  authorizerToken(
    component: string,
    merchant: string,
    refreshToken: string,
  ): FakeMerchantIssue | FakeRefreshTokenRefusal | 'unauthorized' {
    const id = idOf({ component, merchant });
    const used = this.refreshTokens.use(refreshToken, (owner) => idOf(owner) === id);
    if (!this.#authorizations.has(id)) return 'unauthorized';
    if (typeof used === 'string') return used;
    return { ...this.#tokens.authorizerToken(component, merchant), refreshToken: used.next };
  }

  isValid(value: string): boolean {
    return this.#isTicketValid(value) || this.refreshTokens.isValid(value);
  }

  expire(value: string): void {
    const ticket = this.#tickets.get(value);
    if (ticket !== undefined) ticket.endsAt = this.#clock.now();
    this.refreshTokens.expire(value);
  }

  #isTicketValid(value: string): boolean {
    const ticket = this.#tickets.get(value);
    return ticket !== undefined && ticket.endsAt > this.#clock.now();
  }
}

function idOf({ component, merchant }: Authorization): string {
  return `${component}/${merchant}`;
}
