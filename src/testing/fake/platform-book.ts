import type { Clock } from '../../core/concurrency/clock.js';
import type { FakeAccountBook } from '../accounts/account-book.js';
import { FakeCodeBook, type FakeCodeRefusal } from './code-book.js';
import { type FakeBook, type FakeIssue, randomValue } from './issue.js';
import { type FakeRefreshTokenMode, type FakeRefreshTokenRefusal, FakeRefreshTokens } from './refresh-tokens.js';
import type { FakeTokenBook } from './token-book.js';

/** The tokens of a merchant. */
interface FakeMerchantIssue extends FakeIssue {
  readonly refreshToken: string;
}

/** A merchant's authorization of a platform. */
export interface FakeAuthorization {
  readonly component: string;
  readonly merchant: string;
  readonly authorizedAt: number;
}

/** A request to exchange a code, with the token that it got or the reason why it was refused. */
export interface FakeExchange {
  readonly code: string;
  readonly token: string | undefined;
  readonly refusal: FakeCodeRefusal | undefined;
}

const TICKET_LIFE_MS = 12 * 3_600_000;
const CODE_LIFE_MS = 3_600_000;
const PRE_AUTH_CODE_LIFE_MS = 1_800_000;

/** Records the tickets that were pushed to third-party platforms, and the merchants that have authorized them. */
export class FakePlatformBook implements FakeBook {
  readonly refreshTokens: FakeRefreshTokens<FakeAuthorization>;
  /** The codes with which merchants are sent to WeChat, by platform. */
  readonly preAuthCodes: FakeCodeBook<string>;
  readonly codes: FakeCodeBook<FakeAuthorization>;
  /** The requests to exchange a code, in order. */
  readonly exchanges: FakeExchange[] = [];
  readonly #clock: Clock;
  readonly #tokens: FakeTokenBook;
  readonly #accounts: FakeAccountBook;
  readonly #tickets = new Map<string, { readonly component: string; endsAt: number }>();
  /** The current authorizations by platform and merchant. */
  readonly #authorizations = new Map<string, FakeAuthorization>();

  constructor(clock: Clock, tokens: FakeTokenBook, accounts: FakeAccountBook, mode: FakeRefreshTokenMode) {
    this.#clock = clock;
    this.#tokens = tokens;
    this.#accounts = accounts;
    this.refreshTokens = new FakeRefreshTokens(clock, mode);
    this.preAuthCodes = new FakeCodeBook(clock, 'preauthcode@@@', PRE_AUTH_CODE_LIFE_MS);
    this.codes = new FakeCodeBook(clock, 'queryauthcode@@@', CODE_LIFE_MS);
  }

  /** Issues a new ticket. The previous one remains valid until it is 12 hours old. */
  pushTicket(component: string): string {
    const ticket = randomValue('ticket@@@');
    this.#tickets.set(ticket, { component, endsAt: this.#clock.now() + TICKET_LIFE_MS });
    return ticket;
  }

  hasTicket(component: string): boolean {
    const now = this.#clock.now();
    return [...this.#tickets.values()].some((ticket) => ticket.component === component && ticket.endsAt > now);
  }

  componentToken(component: string, ticket: string): FakeIssue | 'unknown' | 'expired' {
    if (this.#tickets.get(ticket)?.component !== component) return 'unknown';
    return this.#isTicketValid(ticket) ? this.#tokens.componentToken(component) : 'expired';
  }

  /** Authorizes a platform for a merchant, possibly again. The tokens of an earlier authorization become invalid. */
  authorize(component: string, merchant: string): string {
    return this.refreshTokens.issue(this.#authorize(component, merchant), Number.POSITIVE_INFINITY);
  }

  /** Authorizes a platform like {@link authorize}, and returns the code that the platform exchanges for the tokens. */
  authorizeWithCode(component: string, merchant: string): string {
    const authorization = this.#authorize(component, merchant);
    this.refreshTokens.issue(authorization, Number.POSITIVE_INFINITY);
    return this.codes.create(authorization);
  }

  /**
   * Returns another code of the current authorization: the tokens that were given for it stay valid. There has to be an
   * authorization.
   */
  anotherCode(component: string, merchant: string): string {
    const authorization = this.find(component, merchant);
    if (authorization === undefined) throw new TypeError('a code requires an authorization');
    return this.codes.create(authorization);
  }

  /** Uses up a code. The code of an authorization that has ended, or was replaced by another, counts as unknown. */
  exchangeCode(
    component: string,
    code: string,
  ): { readonly merchant: string; readonly issue: FakeMerchantIssue | undefined } | FakeCodeRefusal {
    const taken = this.codes.take(code, (owner) => owner === this.find(component, owner.merchant));
    if (typeof taken === 'string') {
      this.exchanges.push({ code, token: undefined, refusal: taken });
      return taken;
    }
    const { merchant } = taken.owner;
    const refreshToken = this.refreshTokens.newestOf(taken.owner);
    const isGranted = this.#accounts.accountOf(merchant).permissions.length > 0;
    const isIssued = isGranted && refreshToken !== undefined;
    const issue = isIssued ? { ...this.#tokens.authorizerToken(component, merchant), refreshToken } : undefined;
    this.exchanges.push({ code, token: issue?.value, refusal: undefined });
    return { merchant, issue };
  }

  withdraw(component: string, merchant: string): void {
    const authorization = this.find(component, merchant);
    if (authorization === undefined) return;
    this.#authorizations.delete(idOf(component, merchant));
    this.refreshTokens.refuse(authorization, 'unknown');
    this.#tokens.revokeAuthorizer(component, merchant);
  }

  find(component: string, merchant: string): FakeAuthorization | undefined {
    return this.#authorizations.get(idOf(component, merchant));
  }

  /** Returns the authorizations of a platform, the newest last. */
  authorizationsOf(component: string): readonly FakeAuthorization[] {
    return [...this.#authorizations.values()].filter((authorization) => authorization.component === component);
  }

  /** Returns the refresh token of an authorization, as far as WeChat shows it again. */
  shownRefreshToken(authorization: FakeAuthorization): string {
    const { permissions, hidesRefreshToken } = this.#accounts.accountOf(authorization.merchant);
    if (hidesRefreshToken || permissions.length === 0) return '';
    return this.refreshTokens.newestOf(authorization) ?? '';
  }

  authorizerToken(
    component: string,
    merchant: string,
    refreshToken: string,
  ): FakeMerchantIssue | FakeRefreshTokenRefusal | 'unauthorized' {
    const used = this.refreshTokens.use(
      refreshToken,
      (owner) => idOf(owner.component, owner.merchant) === idOf(component, merchant),
    );
    if (this.find(component, merchant) === undefined) return 'unauthorized';
    if (typeof used === 'string') return used;
    return { ...this.#tokens.authorizerToken(component, merchant), refreshToken: used.next };
  }

  isValid(value: string): boolean {
    return this.#isTicketValid(value) || this.#books().some((book) => book.isValid(value));
  }

  expire(value: string): void {
    const ticket = this.#tickets.get(value);
    if (ticket !== undefined) ticket.endsAt = this.#clock.now();
    for (const book of this.#books()) book.expire(value);
  }

  #authorize(component: string, merchant: string): FakeAuthorization {
    this.withdraw(component, merchant);
    const authorization = { component, merchant, authorizedAt: this.#clock.now() };
    this.#authorizations.set(idOf(component, merchant), authorization);
    return authorization;
  }

  #books(): readonly FakeBook[] {
    return [this.refreshTokens, this.preAuthCodes, this.codes];
  }

  #isTicketValid(value: string): boolean {
    const ticket = this.#tickets.get(value);
    return ticket !== undefined && ticket.endsAt > this.#clock.now();
  }
}

function idOf(component: string, merchant: string): string {
  return `${component}/${merchant}`;
}
