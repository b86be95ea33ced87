import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { TokenManager } from 'wechat-token-manager';
import { RedisStore } from 'wechat-token-manager/redis';
import { connectForTokens } from './connections.js';
import { WeChat } from './delivery/wechat.js';
import type { Log } from './log.js';
import { takeDatabase } from './redis/owner.js';
import type { Settings } from './settings.js';

const TOKENS_PREFIX = '{reminders}:tokens:';
const REGISTER_AGAIN_MS = 1_000;

/** Keeps the access token of the app, which all processes share through Redis and refresh once for all of them. */
export class WeChatApp {
  readonly wechat: WeChat;
  /** Resolves once messages may be sent. Rejects with a TypeError when the app or the database is unusable. */
  readonly ready: Promise<void>;
  readonly #tokens: TokenManager;
  readonly #closing = new AbortController();
  readonly #log: Log;

  constructor(settings: Settings, log: Log) {
    const redis = connectForTokens(settings.redisUrl, log);
    const store = new RedisStore(redis, { prefix: TOKENS_PREFIX });
    this.#log = log;
    this.#tokens = new TokenManager({ store, wechat: { origins: [settings.origin] } });
    this.#tokens.on('refreshFailed', ({ error }) =>
      log.warn({ code: error.code, error: error.message }, 'no new token'),
    );
    this.wechat = new WeChat(this.#tokens, settings);
    this.ready = this.#register(redis, settings);
    // The processes that wait for it handle the failure; this only avoids an unhandled rejection.
    this.ready.catch(() => {});
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#tokens.close();
  }

  /** Registers the app, as soon as Redis is available. */
  async #register(redis: Redis, { appid, secret }: Settings): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await takeDatabase(redis, appid);
        return await this.#tokens.register({ appid, secret, tasks: ['access_token'] });
      } catch (error) {
        if (error instanceof TypeError) throw error;
        if (!signal.aborted) this.#log.warn({ error: (error as Error).message }, 'the app is not registered yet');
      }
      await wait(REGISTER_AGAIN_MS, undefined, { signal }).catch(() => {});
    }
  }
}
