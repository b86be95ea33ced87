import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.js';
import type { FakeRefreshTokenRefusal, FakeRefreshTokens } from './fake-refresh-tokens.js';

/** What a code exchange and a refresh answer. */
export interface FakeUserIssue {
  readonly openid: string;
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly refreshToken: string;
}

interface UserToken {
  readonly owner: string;
  readonly value: string;
  expiresAt: number;
}

const MONTH_MS = 30 * 86_400_000;

/** Users who have authorized an app, and their tokens. */
export class FakeUserBook {
  readonly #clock: Clock;
  readonly #lifeMs: number;
  readonly #refreshTokens: FakeRefreshTokens;
  readonly #codes = new Map<string, { readonly owner: string; used: boolean }>();
  readonly #tokens = new Map<string, UserToken>();
  readonly #current = new Map<string, UserToken>();

  constructor(clock: Clock, lifeMs: number, refreshTokens: FakeRefreshTokens) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
    this.#refreshTokens = refreshTokens;
  }

  /** A refresh token of 30 days, which no refresh extends; those of earlier authorizations stay good. */
  authorize(appid: string, openid: string): FakeUserIssue {
    const owner = ownerOf(appid, openid);
    return this.#show(this.#mint(owner), this.#refreshTokens.issue(owner, MONTH_MS));
  }

  createCode(appid: string, openid: string): string {
    const code = randomBytes(16).toString('hex');
    this.#codes.set(code, { owner: ownerOf(appid, openid), used: false });
    return code;
  }

  exchange(appid: string, code: string): FakeUserIssue | 'unknown' | 'used' {
    const found = this.#codes.get(code);
    if (found === undefined || !found.owner.startsWith(`${appid}/`)) return 'unknown';
    if (found.used) return 'used';
    found.used = true;
    return this.authorize(appid, found.owner.slice(appid.length + 1));
  }

  /** The same access token with its life renewed while it lives, as WeChat documents it; else another. */
  refresh(appid: string, refreshToken: string): FakeUserIssue | FakeRefreshTokenRefusal {
    if (!this.#refreshTokens.ownerOf(refreshToken)?.startsWith(`${appid}/`)) return 'unknown';
    const used = this.#refreshTokens.use(refreshToken);
    if (typeof used === 'string') return used;
    const current = this.#current.get(used.owner);
    const isAlive = current !== undefined && current.expiresAt > this.#clock.now();
    if (isAlive) current.expiresAt = this.#clock.now() + this.#lifeMs;
    return this.#show(isAlive ? current : this.#mint(used.owner), used.successor);
  }

  stateOf(token: string): 'valid' | 'expired' | 'invalid' {
    const issued = this.#tokens.get(token);
    if (issued === undefined) return 'invalid';
    return issued.expiresAt > this.#clock.now() ? 'valid' : 'expired';
  }

  openidOf(token: string): string | undefined {
    const owner = this.#tokens.get(token)?.owner;
    return owner?.slice(owner.indexOf('/') + 1);
  }

  withdraw(appid: string, openid: string): void {
    const owner = ownerOf(appid, openid);
    this.#refreshTokens.withdraw(owner);
    for (const [value, token] of this.#tokens) if (token.owner === owner) this.#tokens.delete(value);
    this.#current.delete(owner);
  }

  expire(token: string): void {
    const issued = this.#tokens.get(token);
    if (issued !== undefined) issued.expiresAt = this.#clock.now();
  }

  #mint(owner: string): UserToken {
    const value = `user_${randomBytes(24).toString('hex')}`;
    const token = { owner, value, expiresAt: this.#clock.now() + this.#lifeMs };
    this.#tokens.set(value, token);
    this.#current.set(owner, token);
    return token;
  }

  #show({ owner, value, expiresAt }: UserToken, refreshToken: string): FakeUserIssue {
    const expiresInSeconds = Math.max(1, Math.floor((expiresAt - this.#clock.now()) / 1_000));
    return { openid: owner.slice(owner.indexOf('/') + 1), accessToken: value, expiresInSeconds, refreshToken };
  }
}

function ownerOf(appid: string, openid: string): string {
  return `${appid}/${openid}`;
}
