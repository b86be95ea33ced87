import { randomUUID } from 'node:crypto';
import { callWithToken } from './core/calls/call.js';
import {
  assertWait,
  type CallOptions,
  type GetOptions,
  type RefreshCallOptions,
  readCallOptions,
  readGetOptions,
  readRefreshOptions,
  readSubject,
  type SubjectOptions,
  type WaitOptions,
} from './core/calls/call-options.js';
import { subjectAlone } from './core/calls/hit-options.js';
import { SharedWaits } from './core/concurrency/shared-waits.js';
import { Engine } from './core/engine/engine.js';
import { exposeEngine } from './core/engine/engine-of.js';
import { readStatusQuery, taskStatus } from './core/engine/status.js';
import type { StatusQuery, TaskStatus } from './core/engine/task-status.js';
import { assertNoCycle } from './core/model/dependencies.js';
import { closedError } from './core/model/errors.js';
import { Events, type TokenManagerEvents, type TokenManagerListener } from './core/model/events.js';
import { readOptions, resolveOptions, type TokenManagerOptions } from './core/model/options.js';
import type { BuiltInRefresher, Grant } from './core/model/refresher.js';
import { planRegistration, type Registration } from './core/model/registration.js';
import { assertAppid, assertSubject, type TokenKey, tokenKey } from './core/model/token-key.js';
import type { TokenRecord } from './core/model/token-record.js';
import { assertNumber } from './core/primitives/assert-options.js';
import { hasMethods } from './core/primitives/foreign-objects.js';
import { describeKind, describeName } from './core/primitives/redact.js';
import type { CachedRecord } from './core/records/cached-record.js';
import { MemoryStore } from './stores/memory.js';
import { createWeChatClient } from './wechat/client.js';
import { exposeHosts } from './wechat/hosts-of.js';
import { Origins, parseOrigins, parseProxy } from './wechat/origins.js';
import { createBuiltInRefreshers } from './wechat/refreshers/built-in.js';

/**
 * The token types that this library knows by itself.
 *
 * @public
 */
export type BuiltInTokenType =
  | 'access_token'
  | 'jsapi_ticket'
  | 'oauth2_access_token'
  | 'component_access_token'
  | 'authorizer_access_token'
  | 'wx_card_ticket'
  | 'component_verify_ticket';

/**
 * Keeps every WeChat token of an application fresh.
 *
 * All methods may be called at any time and concurrently: callers who want the same token share one refresh, also with
 * other processes on the same store. Methods that need the store start the manager automatically.
 *
 * @example
 * ```ts
 * const tokens = new TokenManager({ store: new FileStore('./wechat-tokens') });
 * await tokens.register({ appid, secret, tasks: ['access_token', 'jsapi_ticket'] });
 * const token = await tokens.get(appid, 'access_token');
 * ```
 *
 * @typeParam Custom - the names of the types that `refreshers` adds.
 *
 * @public
 */
export class TokenManager<Custom extends string = never> {
  readonly #engine: Engine;
  readonly #events = new Events();
  readonly #refreshers: ReadonlyMap<string, BuiltInRefresher>;
  /** The shared waits of calls without options, by type and app. */
  readonly #waits = new SharedWaits<string>();

  /**
   * @throws TypeError naming the option, what it must be and what came.
   */
  constructor(given: TokenManagerOptions<Custom> = {}) {
    const options = readOptions(given);
    const resolved = resolveOptions(options);
    const urls = parseOrigins(options.wechat?.origins ?? ['https://api.weixin.qq.com']);
    const origins = new Origins(urls, resolved.clock);
    const proxy = parseProxy(options.wechat?.proxy);
    const store = options.store ?? new MemoryStore();
    if (adoptsClocks(store)) store.adoptClock(resolved.clock);
    this.#refreshers = new Map<string, BuiltInRefresher>(
      [...createBuiltInRefreshers(resolved.clock), ...resolved.refreshers].map((refresher) => [
        refresher.type,
        refresher,
      ]),
    );
    this.#engine = new Engine({
      store,
      options: resolved,
      events: this.#events,
      types: [...this.#refreshers.keys()],
      refresherOf: (type) => this.#refreshers.get(type),
      upstream: (clock) => createWeChatClient({ origins, proxy, clock }),
      newId: randomUUID,
    });
    exposeEngine(this, this.#engine);
    exposeHosts(this, { origins, proxy });
  }

  /** Calls `listener` at every event of that name. An error of the listener becomes `listenerFailed`. */
  on<Name extends keyof TokenManagerEvents>(name: Name, listener: TokenManagerListener<Name>): this {
    this.#events.on(name, listener);
    return this;
  }

  /** Calls `listener` as `on` does, at the next event of that name only. */
  once<Name extends keyof TokenManagerEvents>(name: Name, listener: TokenManagerListener<Name>): this {
    this.#events.once(name, listener);
    return this;
  }

  /** Removes a listener that `on` or `once` added, once for each call. */
  off<Name extends keyof TokenManagerEvents>(name: Name, listener: TokenManagerListener<Name>): this {
    this.#events.off(name, listener);
    return this;
  }

  /**
   * Adds an app, or replaces what the registration names: its secret, its mode, the tasks in `tasks`. It removes nothing.
   *
   * Durable when it resolves; it does not wait for the first token. A registration that equals the stored one writes nothing, and
   * resolves also while the store takes no writes, after 20 s.
   * Up to 1,000 tasks are registered all or nothing. More are registered in parts: after a rejection some may be registered,
   * and the same call completes it.
   *
   * @throws TypeError for a registration that is not one; a `TokenError` with code `STORE_UNAVAILABLE` or `CLOSED`.
   */
  async register(registration: Registration<BuiltInTokenType | Custom>): Promise<void> {
    const plan = planRegistration(registration, (type) => this.#assertTaskType(type), this.#engine.callbacks.attached);
    for (const { key } of plan.tasks) assertNoCycle(key, (type) => this.#refreshers.get(type));
    await this.#engine.start();
    await this.#engine.register(plan);
  }

  /**
   * Forgets an app with all its tasks and tokens, a third-party platform with its authorizers, or one task with its token.
   * Harmless where there is none. Of an app with
   * more than 1,000 tasks or tokens some may be left after a rejection, and the same call completes it.
   *
   * @throws TypeError for misuse; a `TokenError` with code `STORE_UNAVAILABLE` or `CLOSED`.
   */
  async unregister(appid: string, type?: BuiltInTokenType | Custom, options: SubjectOptions = {}): Promise<void> {
    assertAppid(appid);
    const { subject } = readSubject(options);
    // The type may be `undefined` by mistake, which would unregister the whole app.
    if (type === undefined && subject !== undefined) throw new TypeError('unregister takes a subject only with a type');
    const key = type === undefined ? undefined : this.#key(appid, type, { subject });
    await this.#engine.start();
    await (key === undefined ? this.#engine.unregisterApp(appid) : this.#engine.unregisterTask(key));
  }

  /**
   * Returns the current token: from memory where there is a usable one, without any I/O, otherwise from the store or WeChat.
   *
   * @param options - whose token, how long it is to be good for, and how long to wait: the manager's `timeoutMs` by default.
   * @returns a token that has not expired.
   * @throws TypeError for misuse; a `TokenError` with code `NOT_REGISTERED`, `INPUT_MISSING`, `UPSTREAM_UNAVAILABLE`,
   *   `UPSTREAM_REJECTED`, `QUOTA_EXHAUSTED`, `REAUTHORIZATION_REQUIRED`, `REFRESH_DISABLED`, `STORE_UNAVAILABLE`, `TIMEOUT` or
   *   `CLOSED`; the reason of `signal` when that is aborted.
   */
  get(appid: string, type: BuiltInTokenType | Custom, options?: GetOptions): Promise<string> {
    const held = options === undefined ? this.#engine.records.hit(appid, type) : this.#hit(appid, type, options);
    if (held !== undefined) {
      held.promise ??= Promise.resolve(held.value);
      return held.promise;
    }
    if (options === undefined) return this.#acquireShared(appid, type);
    return this.#acquire(appid, type, options).then(tokenOf);
  }

  /**
   * Returns the record of the current token, which has its times besides its value. It waits as `get` does.
   *
   * @throws what `get` throws.
   */
  getRecord(appid: string, type: BuiltInTokenType | Custom, options?: GetOptions): Promise<TokenRecord> {
    const { records } = this.#engine;
    const held = options === undefined ? records.hit(appid, type) : this.#hit(appid, type, options);
    if (held !== undefined) {
      held.recordPromise ??= Promise.resolve(records.show(held));
      return held.recordPromise;
    }
    return this.#acquire(appid, type, options).then((cached) => records.show(cached));
  }

  /**
   * Returns the record in memory, if its token has not expired: synchronously and without I/O.
   *
   * @throws TypeError for misuse.
   */
  peek(appid: string, type: BuiltInTokenType | Custom, options?: SubjectOptions): TokenRecord | undefined {
    const { records } = this.#engine;
    const hit = options === undefined ? records.hit(appid, type) : this.#hit(appid, type, options);
    if (hit !== undefined) return records.show(hit);
    records.checkForClockStep();
    const held = records.cache.get(this.#key(appid, type, options === undefined ? {} : readSubject(options)));
    if (held === undefined || records.leftMs(held) <= 0) return undefined;
    // A record that is due is not made a hit, so that the next call takes the path that can start its refresh.
    if (records.isDue(held)) records.cache.renew(held);
    else records.trust(held);
    return records.show(held);
  }

  /**
   * Replaces a token: one that was seen rejected (`stale`), if it still is the current one, or in any case (`force`).
   *
   * Both together cause at most one fetch of a key in 30 s and 20 a day for an app. Beyond that, `stale` returns the
   * current token, and `force` fails with `QUOTA_EXHAUSTED`.
   *
   * @example
   * ```ts
   * const fresh = await tokens.refresh(appid, 'access_token', { stale: rejected });
   * ```
   *
   * @returns the current token.
   * @throws what `get` throws; `QUOTA_EXHAUSTED` with `retryAt` when force is not allowed now.
   */
  async refresh(appid: string, type: BuiltInTokenType | Custom, options: RefreshCallOptions): Promise<string> {
    const order = readRefreshOptions(options);
    const key = this.#key(appid, type, order);
    const deadline = this.#deadline(order);
    await deadline.race(this.#engine.start());
    const { source } = this.#engine;
    const held = await (order.stale === undefined
      ? source.refreshForced(key, deadline)
      : source.refreshStale(key, order.stale, deadline));
    return held.value;
  }

  /**
   * Stores a grant that was obtained elsewhere, and makes it current.
   *
   * The grant is compared with the stored one:
   *
   * - A grant without a refresh token keeps the stored one.
   * - An older grant than the stored one changes nothing, unless it brings a refresh token that is new here, or any where the
   *   stored one was refused or has expired. That refresh token is sent from then on, and the stored one if it is refused.
   * - A grant whose `scope` is a part of the stored one changes nothing while the stored grant can be used or refreshed.
   *
   * @param grant - with `refreshToken` where the token rotates: it replaces the stored one, and one that WeChat has
   *   refused is sent again once it is put.
   * @returns the current record.
   * @throws TypeError for a grant that is not one; a `TokenError` with code `NOT_REGISTERED`, `STORE_UNAVAILABLE` or
   *   `CLOSED`. After `STORE_UNAVAILABLE` it may be stored or not, and may be put again.
   */
  async put(
    appid: string,
    type: BuiltInTokenType | Custom,
    grant: Grant,
    options: SubjectOptions = {},
  ): Promise<TokenRecord> {
    const key = this.#key(appid, type, readSubject(options));
    await this.#engine.start();
    return this.#engine.records.show(await this.#engine.put(key, grant));
  }

  /**
   * Runs `run` with the token, and once more with a new one when the answer says that the first was stale.
   *
   * @example
   * ```ts
   * const menu = await tokens.call(appid, 'access_token', (token) =>
   *   fetch(`https://api.weixin.qq.com/cgi-bin/menu/get?access_token=${token}`),
   * );
   * ```
   *
   * @returns the result of the last `run`.
   * @throws what `run` throws the last time, or what `get` and `refresh` throw.
   */
  async call<Result>(
    appid: string,
    type: BuiltInTokenType | Custom,
    run: (token: string) => Result | Promise<Result>,
    options: CallOptions = {},
  ): Promise<Result> {
    if (typeof run !== 'function') throw new TypeError(`call takes a function of the token, got ${describeKind(run)}`);
    const { isStale, ...waiting } = readCallOptions(options);
    const hasWishes = Object.keys(waiting).length > 0;
    const token = await this.get(appid, type, hasWishes ? waiting : undefined);
    const { clock, closing } = this.#engine;
    const reading = { clock, signal: waiting.signal, closing: closing.signal };
    const replace = (stale: string): Promise<string> => this.refresh(appid, type, { ...waiting, stale });
    return callWithToken({ token, run, isStale, reading, replace });
  }

  /**
   * Yields the status of the tasks, read from the store a page at a time.
   *
   * @example
   * ```ts
   * for await (const { id, state, remedy } of tokens.status()) console.log(id, state, remedy);
   * ```
   *
   * @throws TypeError for misuse; a `TokenError` with code `STORE_UNAVAILABLE` or `CLOSED`.
   */
  async *status(query: StatusQuery = {}): AsyncGenerator<TaskStatus, void, undefined> {
    const asked = readStatusQuery(query, (type) => this.#assertType(type));
    await this.#engine.start();
    yield* taskStatus(asked, this.#engine);
  }

  /**
   * Returns whether this process knows such a task. It knows every task in the store; on Redis and SQL only those that it has
   * registered or used lately, so ask `status` there.
   *
   * @throws TypeError for misuse.
   */
  hasTask(appid: string, type: BuiltInTokenType | Custom, options: SubjectOptions = {}): boolean {
    return this.#engine.registry.task(this.#key(appid, type, readSubject(options))) !== undefined;
  }

  /** Returns whether `name` is a token type of this manager. */
  hasType<Name extends string>(name: Name | BuiltInTokenType | Custom): name is (BuiltInTokenType | Custom) & Name {
    return this.#refreshers.has(name);
  }

  /**
   * Resumes every task that the store remembers. Other methods do it automatically.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` or `CLOSED`. It may be called again.
   */
  async start(): Promise<void> {
    await this.#engine.start();
  }

  /**
   * Ends all work of the manager within 21 s, and closes the store. New calls fail with `CLOSED`.
   *
   * Refreshes whose request has been sent are finished, and refresh tokens that the store has not taken are offered to it again
   * and again (17 s at most). A `register`, `put` or `unregister` that has begun to write is finished as well, and otherwise fails with `CLOSED` and leaves
   * nothing behind; of one with more tasks than can be written meanwhile a part may be left. No timer, socket, watch or listener
   * is left, and the store is sent no further command.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` when the store could not be closed; everything else has been then.
   */
  async close(): Promise<void> {
    try {
      await this.#engine.close();
    } finally {
      this.#events.removeAll();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Returns the cached record if it can answer a call with these options without further checks. */
  #hit(appid: string, type: string, options: GetOptions): CachedRecord | undefined {
    const subject = subjectAlone(options);
    return subject === null ? undefined : this.#engine.records.hit(appid, type, subject);
  }

  /** Waits for the token together with other calls without options that begin at nearly the same time. */
  #acquireShared(appid: string, type: string): Promise<string> {
    const begin = (): Promise<string> => this.#acquire(appid, type).then(tokenOf);
    if (typeof appid !== 'string' || typeof type !== 'string') return begin();
    return this.#waits.join(`${type}/${appid}`, this.#engine.clock.monotonic(), begin);
  }

  async #acquire(appid: string, type: string, options: GetOptions = {}): Promise<CachedRecord> {
    const wish = readGetOptions(options);
    const key = this.#key(appid, type, wish);
    const { minValidityMs = 0 } = wish;
    assertNumber('minValidityMs', minValidityMs, 0, Number.POSITIVE_INFINITY);
    const deadline = this.#deadline(wish);
    assertNoCycle(key, (name) => this.#refreshers.get(name));
    this.#engine.records.checkForClockStep();
    if (this.#engine.isClosed) throw closedError();
    deadline.assertNotAborted();
    if (!this.#engine.isStarted) {
      const found = await deadline.race(this.#engine.coldLookups.record(key, minValidityMs));
      if (found !== undefined) return found;
      await deadline.race(this.#engine.start());
    }
    return this.#engine.source.acquire(key, minValidityMs, deadline);
  }

  #key(appid: unknown, type: unknown, { subject }: SubjectOptions): TokenKey {
    assertAppid(appid);
    this.#assertType(type);
    assertSubject(subject);
    return tokenKey(appid, type, subject);
  }

  #assertType(type: unknown): asserts type is string {
    if (typeof type === 'string' && this.#refreshers.has(type)) return;
    throw new TypeError(`type must be one of ${[...this.#refreshers.keys()].join(', ')}, got ${describeName(type)}`);
  }

  #assertTaskType(type: unknown): void {
    this.#assertType(type);
    if (this.#refreshers.get(type)?.pushed !== true) return;
    throw new TypeError(`${type} cannot be a task: WeChat pushes it, and put stores it`);
  }

  #deadline({ timeoutMs, signal }: Pick<WaitOptions, 'timeoutMs' | 'signal'>): ReturnType<Engine['deadline']> {
    assertWait(timeoutMs, signal);
    return this.#engine.deadline(timeoutMs, signal);
  }
}

/**
 * Recognizes a `MemoryStore` by its method and not by its class, because the store may come from another copy of this
 * package.
 */
function adoptsClocks(store: object): store is Pick<MemoryStore, 'adoptClock'> {
  return hasMethods(store, 'adoptClock');
}

function tokenOf({ value }: CachedRecord): string {
  return value;
}
