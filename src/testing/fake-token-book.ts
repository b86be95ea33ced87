import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.js';

/** `expired` is WeChat's 42001, `invalid` its 40001: superseded, withdrawn or never issued. */
export type FakeTokenState = 'valid' | 'expired' | 'invalid';

export interface FakeIssue {
  readonly value: string;
  /** What is left of its life, in whole seconds. */
  readonly expiresInSeconds: number;
}

interface IssuedToken {
  readonly appid: string;
  readonly kind: string;
  readonly value: string;
  expiresAt: number;
  /** When its successor ends it before it expires. */
  retiredAt: number;
  withdrawn: boolean;
}

/** A line of tokens, each of which retires the one before it. */
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
const RENEWAL_WINDOW_MS = 300_000;
const DAY_MS = 86_400_000;
const SHANGHAI_OFFSET_MS = 8 * 3_600_000;

/** Which tokens and tickets the fake has issued, and which of them are good. */
export class FakeTokenBook {
  readonly #clock: Clock;
  readonly #lifeMs: number;
  readonly #overlapMs: number;
  /** Lines in which every fetch makes a new token, by kind and appid. */
  readonly #lines = new Map<string, TokenLine>();
  readonly #stable = new Map<string, StableLine>();
  readonly #tickets = new Map<string, TokenLine>();
  readonly #tokens = new Map<string, IssuedToken>();

  constructor(clock: Clock, lifeMs: number, overlapMs: number) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
    this.#overlapMs = overlapMs;
  }

  /** A new token each time; only the one before it lives on, for the overlap. */
  plainToken(appid: string): FakeIssue {
    return this.#next('plain', appid);
  }

  /** A new token of a platform each time, as with plain tokens. */
  componentToken(appid: string): FakeIssue {
    return this.#next('component', appid);
  }

  /** A new token of a merchant each time, as with plain tokens. */
  authorizerToken(appid: string): FakeIssue {
    return this.#next('authorizer', appid);
  }

  revokeAuthorizer(appid: string): void {
    for (const issued of this.#tokens.values()) {
      if (issued.appid === appid && issued.kind === 'authorizer') issued.withdrawn = true;
    }
  }

  isComponentToken(token: string): boolean {
    return this.#tokens.get(token)?.kind === 'component';
  }

  /** The same token until it is about to expire, or until it is forced. */
  stableToken(appid: string, force: boolean): FakeIssue {
    const line = this.#stableLine(appid);
    if (!this.#isOld(line.current) && !(force && this.#takeForce(line))) return this.#show(line.current as IssuedToken);
    return this.#show(this.#mint(line, appid, 'stable', this.#overlapMs));
  }

  /** The same ticket until it is about to expire; the one before it stays good until it has. */
  ticket(appid: string, type: string): FakeIssue {
    const id = `${appid}/${type}`;
    const line = this.#tickets.get(id) ?? { current: undefined, predecessor: undefined };
    this.#tickets.set(id, line);
    if (this.#isOld(line.current)) {
      line.predecessor = line.current;
      line.current = this.#issue(appid, `${type}-ticket`);
    }
    return this.#show(line.current as IssuedToken);
  }

  isTicketValid(value: string): boolean {
    const ticket = this.#findTicket(value);
    return ticket !== undefined && ticket.expiresAt > this.#clock.now();
  }

  stateOf(token: string): FakeTokenState {
    const issued = this.#tokens.get(token);
    const now = this.#clock.now();
    if (issued === undefined || issued.withdrawn) return 'invalid';
    if (now >= issued.expiresAt) return 'expired';
    return now >= issued.retiredAt ? 'invalid' : 'valid';
  }

  appidOf(token: string): string | undefined {
    return this.#tokens.get(token)?.appid;
  }

  /** Ends the life of a token or ticket now. */
  expire(value: string): void {
    const issued = this.#tokens.get(value) ?? this.#findTicket(value);
    if (issued !== undefined) issued.expiresAt = this.#clock.now();
  }

  /** Makes an app's tokens invalid. Nothing replaces them: stable mode repeats its dead token until it is forced. */
  revoke(appid: string): void {
    for (const issued of this.#tokens.values()) if (issued.appid === appid) issued.withdrawn = true;
  }

  /** What another system does that asks for tokens of the same app, in both modes and without an overlap. */
  supersede(appid: string): void {
    this.revoke(appid);
    this.#mint(this.#line('plain', appid), appid, 'plain', 0);
    this.#mint(this.#stableLine(appid), appid, 'stable', 0);
  }

  #next(kind: string, appid: string): FakeIssue {
    return this.#show(this.#mint(this.#line(kind, appid), appid, kind, this.#overlapMs));
  }

  #findTicket(value: string): IssuedToken | undefined {
    const tickets = [...this.#tickets.values()].flatMap(({ current, predecessor }) => [current, predecessor]);
    return tickets.find((ticket) => ticket?.value === value);
  }

  #isOld(issued: IssuedToken | undefined): boolean {
    const windowMs = Math.min(RENEWAL_WINDOW_MS, this.#lifeMs / 2);
    return issued === undefined || issued.expiresAt - this.#clock.now() < windowMs;
  }

  #mint(line: TokenLine, appid: string, mode: string, overlapMs: number): IssuedToken {
    const token = this.#issue(appid, mode);
    if (line.predecessor !== undefined) this.#tokens.delete(line.predecessor.value);
    line.predecessor = line.current;
    if (line.predecessor !== undefined) line.predecessor.retiredAt = this.#clock.now() + overlapMs;
    line.current = token;
    this.#tokens.set(token.value, token);
    return token;
  }

  #issue(appid: string, kind: string): IssuedToken {
    const value = `${kind}_${randomBytes(24).toString('hex')}`;
    const expiresAt = this.#clock.now() + this.#lifeMs;
    return { appid, kind, value, expiresAt, retiredAt: Number.POSITIVE_INFINITY, withdrawn: false };
  }

  #show({ value, expiresAt }: IssuedToken): FakeIssue {
    return { value, expiresInSeconds: Math.max(1, Math.floor((expiresAt - this.#clock.now()) / 1000)) };
  }

  #takeForce(line: StableLine): boolean {
    const now = this.#clock.now();
    const day = Math.floor((now + SHANGHAI_OFFSET_MS) / DAY_MS);
    if (line.forcedDay !== day) {
      line.forcedDay = day;
      line.forcedToday = 0;
    }
    if (now - line.forcedAt < FORCE_EVERY_MS || line.forcedToday >= FORCED_PER_DAY) return false;
    line.forcedAt = now;
    line.forcedToday += 1;
    return true;
  }

  #line(kind: string, appid: string): TokenLine {
    const id = `${kind}/${appid}`;
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
