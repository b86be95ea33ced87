import {
  MemoryStore,
  type Refresher,
  TokenManager,
  type TokenManagerEvents,
  type TokenManagerOptions,
  type TokenStore,
} from '../../../src/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import { ClaimingStore } from '../stores/claiming-store.js';
import { shared } from '../stores/shared-store.js';
import { isFleet } from './fleet-mode.js';
import { ScriptedRefresher } from './scripted-refresher.js';

export const APPID = 'wx0123456789abcdef';
export const SECRET = 'CANARY-the-secret-of-the-app';
export const TYPE = 'access_token';

const EVENTS = [
  'refreshed',
  'refreshFailed',
  'recovered',
  'reauthorizationRequired',
  'delivered',
  'deliveryFailed',
  'storeUnavailable',
  'storeAvailable',
  'storeReplaced',
  'recordQuarantined',
  'listenerFailed',
] as const;

export interface WorldOptions {
  readonly random?: number | (() => number);
  /** Whether the store hands out what is due. Where a test does not say, the project that it runs in does. */
  readonly fleet?: boolean;
  /** A function that wraps the store. */
  readonly store?: (store: TokenStore) => TokenStore;
}

/** Provides one fake clock, one store, one scripted WeChat, and any number of managers that stand for processes. */
export class World implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly store: TokenStore;
  readonly wechat = new ScriptedRefresher();
  /** The events, one per line: `refreshed access_token upstream`. */
  readonly log: string[] = [];
  readonly #open: TokenManager[] = [];

  constructor({ random = 0.5, fleet = isFleet, store }: WorldOptions = {}) {
    this.clock = new FakeClock({ random });
    const memory = new MemoryStore({ clock: this.clock });
    const base = fleet ? new ClaimingStore(memory) : memory;
    this.store = store?.(base) ?? base;
  }

  /** Returns another process on the same store. */
  manager<Custom extends string = never>(options: TokenManagerOptions<Custom> = {}): TokenManager<Custom> {
    const tokens = new TokenManager<Custom>({
      store: shared(this.store),
      clock: this.clock,
      refreshers: [this.wechat as Refresher as Refresher<Custom>],
      ...options,
    });
    for (const name of EVENTS) tokens.on(name, (event) => void this.log.push(describe(name, event)));
    this.#open.push(tokens);
    return tokens;
  }

  /** Returns a manager with one app that has an access token as its task. */
  async registered(options: TokenManagerOptions = {}): Promise<TokenManager> {
    const tokens = this.manager(options);
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
    return tokens;
  }

  /** Returns the outcome of a call within `ms`: one without a token waits for an imminent attempt after a failed one. */
  async within<Result>(ms: number, call: Promise<Result>): Promise<Result> {
    call.catch(() => {});
    await this.clock.advance(ms);
    return call;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = Promise.all(this.#open.splice(0).map((tokens) => tokens.close()));
    await this.clock.advance(20_000);
    await closed;
  }
}

function describe(name: string, event: TokenManagerEvents[keyof TokenManagerEvents]): string {
  const facts = event as { type?: string; source?: string; error?: { code?: string } };
  return [name, facts.type, facts.source, facts.error?.code].filter((part) => part !== undefined).join(' ');
}
