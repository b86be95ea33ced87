import { type Grant, type JsonObject, type RefreshContext, type Refresher, TokenError } from '../../../src/index.js';

/** The validity of a refresh token once it has been sent. */
export type RotationMode = 'kept' | 'single-use' | 'grace';

/** Refreshes a type whose refresh token each refresh replaces, and plays the upstream that knows which one is good. */
export class RotatingRefresher implements Refresher<'user_token'> {
  readonly type = 'user_token';
  readonly sent: string[] = [];
  mode: RotationMode = 'single-use';
  prefer: 'offered' | 'stored' = 'offered';
  lifeSeconds = 7_200;
  /** The life of refresh tokens, which is part of each grant when it is set. */
  refreshTokenExpiresInSeconds: number | undefined;
  /** A function that runs when the request has arrived, before anything is used up; it may throw. */
  arriving: (context: RefreshContext) => void | Promise<void> = () => {};
  /** A function that runs when the refresh token has been used up, before the answer is there; it may throw. */
  answering: (context: RefreshContext) => void | Promise<void> = () => {};
  /** A function that changes an answer. */
  change: (grant: Grant) => Partial<Grant> = () => ({});
  #good: string | undefined;
  #before: string | undefined;
  #serial = 0;

  /** Authorizes the user, and returns a new refresh token, the only good one from now on. */
  authorize(): string {
    this.#before = undefined;
    this.#good = `refresh-${++this.#serial}`;
    return this.#good;
  }

  withdraw(): void {
    this.#good = undefined;
    this.#before = undefined;
  }

  isGood(refreshToken: string | undefined): boolean {
    return refreshToken !== undefined && (refreshToken === this.#good || this.#isInGrace(refreshToken));
  }

  async refresh(context: RefreshContext): Promise<Grant> {
    const offered = (context.params as JsonObject)['refresh_token'] as string | undefined;
    const { value } = await context.spend(offered, { prefer: this.prefer });
    this.sent.push(value);
    await this.arriving(context);
    if (!this.isGood(value)) throw refusal();
    if (this.mode !== 'kept' && value === this.#good) {
      this.#before = value;
      this.#good = `refresh-${++this.#serial}`;
    }
    const refreshToken = this.#good as string;
    const grant: Grant = {
      value: `token of ${refreshToken} ${this.sent.length}`,
      expiresInSeconds: this.lifeSeconds,
      refreshToken,
      ...(this.refreshTokenExpiresInSeconds === undefined
        ? {}
        : { refreshTokenExpiresInSeconds: this.refreshTokenExpiresInSeconds }),
    };
    await this.answering(context);
    return { ...grant, ...this.change(grant) };
  }

  #isInGrace(refreshToken: string): boolean {
    return this.mode === 'grace' && refreshToken === this.#before;
  }
}

function refusal(): TokenError {
  return new TokenError('REAUTHORIZATION_REQUIRED', 'invalid refresh_token', { errcode: 40030 });
}
