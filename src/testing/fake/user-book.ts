import type { Clock } from '../../core/concurrency/clock.js';
import { FakeCodeBook, type FakeCodeRefusal } from './code-book.js';
import { type FakeBook, type FakeIssue, type FakeTokenState, randomValue, showIssue } from './issue.js';
import { type FakeRefreshTokenMode, type FakeRefreshTokenRefusal, FakeRefreshTokens } from './refresh-tokens.js';

/** A user of an app. */
export interface FakeUser {
  readonly appid: string;
  readonly openid: string;
  readonly scope: string;
}

/** The answer to a code exchange and to a refresh. */
export interface FakeUserIssue extends FakeIssue {
  readonly user: FakeUser;
  readonly refreshToken: string;
}

/** A login of a user. The logins of one user are independent of each other. */
interface Authorization {
  readonly user: FakeUser;
  current: UserToken | undefined;
}

interface UserToken {
  readonly user: FakeUser;
  readonly value: string;
  expiresAt: number;
  withdrawn: boolean;
}

const CODE_LIFE_MS = 5 * 60_000;
const MONTH_MS = 30 * 86_400_000;

/** Records the users who have authorized an app, and their tokens. */
export class FakeUserBook implements FakeBook {
  readonly refreshTokens: FakeRefreshTokens<Authorization>;
  readonly #clock: Clock;
  readonly #lifeMs: number;
  readonly #codes: FakeCodeBook<FakeUser>;
  readonly #authorizations = new Set<Authorization>();
  readonly #tokens = new Map<string, UserToken>();

  constructor(clock: Clock, lifeMs: number, mode: FakeRefreshTokenMode) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
    this.refreshTokens = new FakeRefreshTokens(clock, mode);
    this.#codes = new FakeCodeBook(clock, 'code_', CODE_LIFE_MS);
  }

  /** Issues a refresh token for 30 days, which refreshes do not extend. Those of earlier authorizations remain valid. */
  authorize(user: FakeUser): FakeUserIssue {
    const authorization = { user, current: undefined };
    this.#authorizations.add(authorization);
    return this.#answer(authorization, this.refreshTokens.issue(authorization, MONTH_MS));
  }

  createCode(user: FakeUser): string {
    return this.#codes.create(user);
  }

  /** Uses up a code, and returns its user or the reason why it is refused. */
  takeCode(appid: string, value: string): FakeUser | FakeCodeRefusal {
    const taken = this.#codes.take(value, (user) => user.appid === appid);
    return typeof taken === 'string' ? taken : taken.owner;
  }

  /** Returns the same access token with its lifetime renewed while it is valid, as WeChat documents; otherwise a new one. */
  refresh(appid: string, refreshToken: string): FakeUserIssue | FakeRefreshTokenRefusal {
    const used = this.refreshTokens.use(refreshToken, ({ user }) => user.appid === appid);
    return typeof used === 'string' ? used : this.#answer(used.owner, used.next);
  }

  stateOf(token: string): FakeTokenState {
    const issued = this.#tokens.get(token);
    if (issued === undefined || issued.withdrawn) return 'invalid';
    return issued.expiresAt > this.#clock.now() ? 'valid' : 'expired';
  }

  /** Returns the user of an access token, refresh token or code. */
  userOf(value: string): FakeUser | undefined {
    return (this.#tokens.get(value) ?? this.refreshTokens.ownerOf(value))?.user ?? this.#codes.ownerOf(value);
  }

  withdraw(appid: string, openid: string): void {
    for (const authorization of this.#authorizations) {
      const { user } = authorization;
      if (user.appid === appid && user.openid === openid) this.refreshTokens.refuse(authorization, 'withdrawn');
    }
    this.#revoke((user) => user.appid === appid && user.openid === openid);
  }

  /** Invalidates the access tokens of an app's users. Their refresh tokens remain valid. */
  revoke(appid: string): void {
    this.#revoke((user) => user.appid === appid);
  }

  isValid(value: string): boolean {
    return this.stateOf(value) === 'valid' || this.refreshTokens.isValid(value);
  }

  expire(value: string): void {
    const token = this.#tokens.get(value);
    if (token !== undefined) token.expiresAt = this.#clock.now();
    this.refreshTokens.expire(value);
  }

  #revoke(isMeant: (user: FakeUser) => boolean): void {
    for (const token of this.#tokens.values()) if (isMeant(token.user)) token.withdrawn = true;
  }

  #answer(authorization: Authorization, refreshToken: string): FakeUserIssue {
    const { user, current } = authorization;
    const now = this.#clock.now();
    const isAlive = current !== undefined && this.stateOf(current.value) === 'valid';
    const token = isAlive ? current : { user, value: randomValue('user_'), expiresAt: now, withdrawn: false };
    token.expiresAt = now + this.#lifeMs;
    authorization.current = token;
    this.#tokens.set(token.value, token);
    return { ...showIssue(token, now), user, refreshToken };
  }
}
