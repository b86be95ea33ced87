import { TokenManager, type TokenStore } from '../../../src/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import { RestorableStore, type RestorableStoreOptions } from '../stores/restorable-store.js';
import { shared } from '../stores/shared-store.js';
import { isFleet } from './fleet-mode.js';
import { RotatingRefresher } from './rotating-refresher.js';
import { ID, TYPE, USER } from './rotating-world.js';
import { APPID, SECRET } from './world.js';

export type Tokens = TokenManager<'user_token'>;

/** Processes on a store that can be put back to an earlier state, and a user who authorizes again and again. */
export class RestoredWorld {
  readonly clock = new FakeClock();
  readonly store: RestorableStore;
  readonly upstream = new RotatingRefresher();
  readonly #open: Tokens[] = [];

  constructor(options: RestorableStoreOptions) {
    this.store = new RestorableStore(this.clock, { isShared: isFleet, ...options });
  }

  async process(way: TokenStore = shared(this.store)): Promise<Tokens> {
    const tokens = new TokenManager<'user_token'>({
      store: way,
      clock: this.clock,
      refreshers: [this.upstream],
    });
    this.#open.push(tokens);
    await tokens.start();
    return tokens;
  }

  async register(tokens: Tokens): Promise<void> {
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, ...USER }] });
  }

  /** The user authorizes; returns the refresh token, which is the only good one. The others hear of it if they are told. */
  async login(tokens: Tokens, { tells = true, lateMs = 0 } = {}): Promise<string> {
    const refreshToken = this.upstream.authorize();
    const obtainedAt = this.clock.now() - lateMs;
    const grant = { value: `login with ${refreshToken}`, expiresInSeconds: 7_200, refreshToken, obtainedAt };
    await tokens.put(APPID, TYPE, grant, USER);
    if (tells) this.store.tell(ID);
    await this.clock.advance(1_000);
    return refreshToken;
  }

  storedToken(): unknown {
    return (this.store.data(ID)?.['rotation'] as { token?: string } | undefined)?.token;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = Promise.all(this.#open.map((tokens) => tokens.close()));
    await this.clock.advance(20_000);
    await closed;
  }
}
