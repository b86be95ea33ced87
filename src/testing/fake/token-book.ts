import type { Clock } from '../../core/concurrency/clock.js';
import { type FakeBook, type FakeIssue, type FakeTokenState, isNearItsEnd, randomValue, showIssue } from './issue.js';
import { dayOfShanghai } from './quota.js';

/** The owner of a line of tokens, and their kind. */
interface TokenOwner {
  readonly kind: 'plain' | 'stable' | 'component' | 'authorizer';
  readonly appid: string;
  /** The platform, for the tokens of a merchant. */
  readonly component?: string;
}

interface IssuedToken {
  readonly owner: TokenOwner;
  readonly value: string;
  expiresAt: number;
  /** The time at which its successor invalidates it, if that is before its expiry. */
  retiredAt: number;
  withdrawn: boolean;
}

/** A sequence of tokens, each of which invalidates the previous one. */
interface TokenLine {
  current: IssuedToken | undefined;
  predecessor: IssuedToken | undefined;
}

interface StableLine extends TokenLine {
  forcedAt: number;
  forcedDay: number;
  forcedToday: number;
}

const FORCE_EVERY_MS = 30_000;
const FORCED_PER_DAY = 20;

/** Records the tokens of apps, platforms and merchants that the fake has issued, and their validity. */
export class FakeTokenBook implements FakeBook {
  readonly #clock: Clock;
  readonly #lifeMs: number;
  readonly #overlapMs: number;
  /** The lines in which every request makes a new token, by owner. */
  readonly #lines = new Map<string, TokenLine>();
  readonly #stable = new Map<string, StableLine>();
  readonly #tokens = new Map<string, IssuedToken>();

  constructor(clock: Clock, lifeMs: number, overlapMs: number) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
    this.#overlapMs = overlapMs;
  }

  /** Issues a new token each time. Only the previous one remains valid, for the overlap. */
  plainToken(appid: string): FakeIssue {
    return this.#next({ kind: 'plain', appid });
  }

  /** Issues a new token each time, as with plain tokens. */
  componentToken(appid: string): FakeIssue {
    return this.#next({ kind: 'component', appid });
  }

  /** Issues a new token each time, as with plain tokens. The tokens of a merchant for two platforms are independent. */
  authorizerToken(component: string, merchant: string): FakeIssue {
    return this.#next({ kind: 'authorizer', appid: merchant, component });
  }

  /** Returns the same token until it is about to expire, or until a new one is forced. */
  stableToken(appid: string, force: boolean): FakeIssue {
    const line = this.#stableLine(appid);
    const now = this.#clock.now();
    const { current } = line;
    const isOld = current === undefined || isNearItsEnd(current.expiresAt, now, this.#lifeMs);
    if (!isOld && !(force && this.#takeForce(line))) return showIssue(current, now);
    return showIssue(this.#mint(line, { kind: 'stable', appid }, this.#overlapMs), now);
  }

  isValid(token: string): boolean {
    return this.stateOf(token) === 'valid';
  }

  stateOf(token: string): FakeTokenState {
    const issued = this.#tokens.get(token);
    const now = this.#clock.now();
    if (issued === undefined || issued.withdrawn) return 'invalid';
    if (now >= issued.expiresAt) return 'expired';
    return now >= issued.retiredAt ? 'invalid' : 'valid';
  }

  appidOf(token: string): string | undefined {
    return this.#tokens.get(token)?.owner.appid;
  }

  isComponentToken(token: string): boolean {
    return this.#tokens.get(token)?.owner.kind === 'component';
  }

  expire(token: string): void {
    const issued = this.#tokens.get(token);
    if (issued !== undefined) issued.expiresAt = this.#clock.now();
  }

  /** Invalidates an app's tokens without replacing them: stable mode repeats its dead token until it is forced. */
  revoke(appid: string): void {
    for (const issued of this.#tokens.values()) if (issued.owner.appid === appid) issued.withdrawn = true;
  }

  /** Invalidates the tokens that a platform has for a merchant. */
  revokeAuthorizer(component: string, merchant: string): void {
    for (const issued of this.#tokens.values()) {
      if (issued.owner.appid === merchant && issued.owner.component === component) issued.withdrawn = true;
    }
  }

  /** Replaces the tokens of an app in both modes and without an overlap, as another system does that requests new ones. */
  supersede(appid: string): void {
    this.revoke(appid);
    const owner = { kind: 'plain', appid } as const;
    this.#mint(this.#line(owner), owner, 0);
    this.#mint(this.#stableLine(appid), { kind: 'stable', appid }, 0);
  }

  #next(owner: TokenOwner): FakeIssue {
    return showIssue(this.#mint(this.#line(owner), owner, this.#overlapMs), this.#clock.now());
  }

  #mint(line: TokenLine, owner: TokenOwner, overlapMs: number): IssuedToken {
    const now = this.#clock.now();
    const value = randomValue(`${owner.kind}_`);
    const expiresAt = now + this.#lifeMs;
    const token = { owner, value, expiresAt, retiredAt: Number.POSITIVE_INFINITY, withdrawn: false };
    if (line.predecessor !== undefined) this.#tokens.delete(line.predecessor.value);
    line.predecessor = line.current;
    if (line.predecessor !== undefined) line.predecessor.retiredAt = now + overlapMs;
    line.current = token;
    this.#tokens.set(value, token);
    return token;
  }

  #takeForce(line: StableLine): boolean {
    const now = this.#clock.now();
    const day = dayOfShanghai(now);
    if (line.forcedDay !== day) {
      line.forcedDay = day;
      line.forcedToday = 0;
    }
    if (now - line.forcedAt < FORCE_EVERY_MS || line.forcedToday >= FORCED_PER_DAY) return false;
    line.forcedAt = now;
    line.forcedToday += 1;
    return true;
  }

  #line({ kind, appid, component = '' }: TokenOwner): TokenLine {
    const id = `${kind}/${component}/${appid}`;
    let line = this.#lines.get(id);
    if (line === undefined) {
      line = { current: undefined, predecessor: undefined };
      this.#lines.set(id, line);
    }
    return line;
  }

  #stableLine(appid: string): StableLine {
    let line = this.#stable.get(appid);
    if (line === undefined) {
      const forcedAt = Number.NEGATIVE_INFINITY;
      line = { current: undefined, predecessor: undefined, forcedAt, forcedDay: 0, forcedToday: 0 };
      this.#stable.set(appid, line);
    }
    return line;
  }
}
