import { expectTypeOf, test } from 'vitest';
import { type ApiKey, createApiKey, createHandler, type Handler, type Scope } from '../../src/http/index.js';
import type {
  BuiltInTokenType,
  CardConfig,
  Due,
  Grant,
  JsonObject,
  Lease,
  RefreshContext,
  Refresher,
  StoredDocument,
  TaskStatus,
  TokenRecord,
  TokenStore,
  WeChatFetch,
} from '../../src/index.js';
import {
  createFetch,
  defineRefresher,
  FileStore,
  MemoryStore,
  signCard,
  signJsSdk,
  systemClock,
  TokenError,
  TokenManager,
} from '../../src/index.js';

declare const appid: string;
declare const secret: string;
declare const openid: string;
declare const grant: Grant;

test('a manager is made of options that all may be left out', () => {
  new TokenManager();
  const tokens = new TokenManager({
    store: new FileStore('./wechat-tokens'),
    refreshers: [],
    refresh: { marginMs: 300_000, jitterMs: 600_000, minValidityMs: 10_000 },
    wechat: {
      origins: ['https://api.weixin.qq.com'],
      accessToken: 'stable',
      proxy: 'http://10.0.0.9:3128',
    },
    timeoutMs: 25_000,
    maxCachedRecords: 10_000,
    clock: systemClock,
  });
  expectTypeOf(tokens).toEqualTypeOf<TokenManager<never>>();
  // @ts-expect-error an option that does not exist
  new TokenManager({ margin: 1 });
});

test('custom types join the union, and any manager is a TokenManager', () => {
  const corp = defineRefresher({ type: 'corp_access_token', refresh: async () => grant });
  expectTypeOf(corp).toEqualTypeOf<Refresher<'corp_access_token'>>();
  const tokens = new TokenManager({ refreshers: [corp] });
  expectTypeOf(tokens.get(appid, 'corp_access_token')).resolves.toBeString();
  expectTypeOf(tokens.get(appid, 'access_token')).resolves.toBeString();
  // @ts-expect-error an unknown type
  void tokens.get(appid, 'corp_token');
  // @ts-expect-error an unknown type
  void new TokenManager().get(appid, 'corp_access_token');
  const plain: TokenManager = tokens;
  expectTypeOf(plain).toEqualTypeOf<TokenManager<never>>();
  const name: string = 'corp_access_token';
  expectTypeOf<BuiltInTokenType>().toEqualTypeOf<
    | 'access_token'
    | 'jsapi_ticket'
    | 'oauth2_access_token'
    | 'component_access_token'
    | 'authorizer_access_token'
    | 'wx_card_ticket'
    | 'component_verify_ticket'
  >();
  if (tokens.hasType(name)) {
    expectTypeOf(name).toEqualTypeOf<BuiltInTokenType | 'corp_access_token'>();
  }
});

test('the refreshed event names the token, its record, the reason and the source', () => {
  const tokens = new TokenManager();
  tokens.on('refreshed', ({ appid, type, subject, record, reason, source }) => {
    expectTypeOf(appid).toBeString();
    expectTypeOf(type).toBeString();
    expectTypeOf(subject).toEqualTypeOf<string | undefined>();
    expectTypeOf(record).toEqualTypeOf<TokenRecord>();
    expectTypeOf(reason).toEqualTypeOf<'due' | 'demand' | 'stale' | 'forced' | undefined>();
    expectTypeOf(source).toEqualTypeOf<'upstream' | 'store' | 'put'>();
  });
  tokens.on('recovered', ({ appid, type, subject, since }) => {
    expectTypeOf([appid, type]).toEqualTypeOf<string[]>();
    expectTypeOf(subject).toEqualTypeOf<string | undefined>();
    expectTypeOf(since).toBeNumber();
  });
  tokens.once('refreshFailed', ({ appid, type, subject, error, attempt, retryAt }) => {
    expectTypeOf(appid).toBeString();
    expectTypeOf(type).toBeString();
    expectTypeOf(subject).toEqualTypeOf<string | undefined>();
    expectTypeOf(error).toEqualTypeOf<TokenError>();
    expectTypeOf(attempt).toBeNumber();
    expectTypeOf(retryAt).toBeNumber();
  });
  tokens.off('listenerFailed', async () => {});
  tokens.on('delivered', ({ appid, type, subject, version, attempt }) => {
    expectTypeOf([appid, type]).toEqualTypeOf<string[]>();
    expectTypeOf(subject).toEqualTypeOf<string | undefined>();
    expectTypeOf([version, attempt]).toEqualTypeOf<number[]>();
  });
  tokens.on('deliveryFailed', ({ error, attempt, retryAt }) => {
    expectTypeOf(error).toEqualTypeOf<TokenError>();
    expectTypeOf(attempt).toBeNumber();
    expectTypeOf(retryAt).toEqualTypeOf<number | undefined>();
  });
  for (const name of ['reauthorizationRequired', 'storeUnavailable', 'storeAvailable', 'recordQuarantined'] as const) {
    tokens.on(name, () => {});
  }
  tokens.on('storeReplaced', ({ replacement }) => {
    expectTypeOf(replacement).toEqualTypeOf<'another' | 'backup'>();
  });
  // @ts-expect-error an event that does not exist
  tokens.on('error', () => {});
});

test('register takes types, and objects where a task needs more', () => {
  const tokens = new TokenManager();
  const registered = tokens.register({
    appid,
    secret,
    accessToken: 'plain',
    tasks: [
      'access_token',
      'jsapi_ticket',
      { type: 'wx_card_ticket', subject: openid, params: { refresh_token: 'x' } },
      { type: 'access_token', params: (key) => ({ for: key.appid }) },
      { type: 'access_token', params: async () => ({}) },
      { type: 'access_token', params: 'https://shop.example/params', notify: 'https://shop.example/token' },
    ],
  });
  expectTypeOf(registered).resolves.toBeVoid();
  // @ts-expect-error an unknown type
  void tokens.register({ appid, tasks: ['acess_token'] });
  // @ts-expect-error an unknown mode
  void tokens.register({ appid, accessToken: 'fast' });
  expectTypeOf(tokens.unregister(appid)).resolves.toBeVoid();
  expectTypeOf(tokens.unregister(appid, 'access_token', { subject: openid })).resolves.toBeVoid();
});

test('tokens are got, looked at, refreshed, put and used', () => {
  const tokens = new TokenManager();
  const signal = new AbortController().signal;
  expectTypeOf(tokens.get(appid, 'access_token')).resolves.toBeString();
  const options = { subject: openid, minValidityMs: 1, timeoutMs: 1, signal };
  expectTypeOf(tokens.get(appid, 'access_token', options)).resolves.toBeString();
  expectTypeOf(tokens.getRecord(appid, 'jsapi_ticket', options)).resolves.toEqualTypeOf<TokenRecord>();
  expectTypeOf(tokens.peek(appid, 'access_token')).toEqualTypeOf<TokenRecord | undefined>();
  expectTypeOf(tokens.refresh(appid, 'access_token', { stale: 'x' })).resolves.toBeString();
  expectTypeOf(tokens.refresh(appid, 'access_token', { force: true })).resolves.toBeString();
  // @ts-expect-error neither stale nor force
  void tokens.refresh(appid, 'access_token', {});
  // @ts-expect-error both stale and force
  void tokens.refresh(appid, 'access_token', { stale: 'x', force: true });
  expectTypeOf(tokens.put(appid, 'access_token', grant, { subject: openid })).resolves.toEqualTypeOf<TokenRecord>();
  // @ts-expect-error a value without its lifetime
  void tokens.put(appid, 'access_token', { value: 'x' });
  // @ts-expect-error an unknown type
  void tokens.put(appid, 'acess_token', grant);
  const called = tokens.call(appid, 'access_token', (token) => token.length, {
    subject: openid,
    signal,
    isStale: ({ result, error }) => result === 0 || error !== undefined,
  });
  expectTypeOf(called).resolves.toBeNumber();
});

test('status is iterated, and holds no secret', () => {
  const tokens = new TokenManager();
  const tasks = tokens.status({ appid, type: 'access_token', subject: openid, after: 'x', limit: 1 });
  expectTypeOf(tasks).toExtend<AsyncIterable<TaskStatus>>();
  expectTypeOf<Extract<keyof TaskStatus, 'value' | 'token' | 'secret' | 'params' | 'result'>>().toBeNever();
  expectTypeOf<TaskStatus['state']>().toEqualTypeOf<'fresh' | 'due' | 'expired' | 'missing' | 'waiting'>();
  type Awaited = 'push' | 'refresh_token' | 'dependency' | 'params' | 'store' | 'process';
  expectTypeOf<TaskStatus['waitingFor']>().toEqualTypeOf<Awaited | undefined>();
  expectTypeOf<Pick<TaskStatus, 'reason' | 'remedy'>>().toEqualTypeOf<{
    readonly reason: string | undefined;
    readonly remedy: string | undefined;
  }>();
  expectTypeOf(tokens.hasTask(appid, 'access_token', { subject: openid })).toBeBoolean();
  expectTypeOf(tokens.start()).resolves.toBeVoid();
  expectTypeOf(tokens.close()).resolves.toBeVoid();
  expectTypeOf(tokens).toExtend<AsyncDisposable>();
});

test('a page is signed with the ticket of an app or of a subject', () => {
  const config = signJsSdk(new TokenManager(), appid, 'https://example.com/', { subject: openid });
  expectTypeOf(config).resolves.toExtend<{ appId: string; timestamp: number; nonceStr: string; signature: string }>();
});

test('a card is signed with the ticket of an app or of a subject, for addCard and chooseCard', () => {
  const subject: string | undefined = openid;
  const card = signCard(new TokenManager(), appid, { cardId: 'card', code: 'code', openid, subject });
  expectTypeOf(card).resolves.toEqualTypeOf<CardConfig>();
  expectTypeOf<CardConfig>().toEqualTypeOf<{
    readonly cardId?: string;
    readonly cardType?: string;
    readonly shopId?: string;
    readonly timestamp: number;
    readonly nonceStr: string;
    readonly cardExt: string;
    readonly signType: 'SHA1';
    readonly cardSign: string;
  }>();
  void signCard(new TokenManager(), appid);
  // @ts-expect-error an option that does not exist
  void signCard(new TokenManager(), appid, { card_id: 'card' });
});

test('a fetch carries a token of any type of its manager, and is called as fetch', () => {
  const tokens = new TokenManager();
  const wechat = createFetch(tokens, appid);
  expectTypeOf(wechat).toEqualTypeOf<WeChatFetch>();
  expectTypeOf(wechat('/cgi-bin/user/info?openid=o1')).resolves.toEqualTypeOf<Response>();
  const input: string | URL | Request = '/cgi-bin/user/info';
  void wechat(input, { method: 'POST', body: new FormData(), signal: AbortSignal.timeout(1) });
  expectTypeOf(wechat).toExtend<typeof fetch>();
  createFetch(tokens, appid, { type: 'authorizer_access_token', subject: openid, timeoutMs: 1_000, fetch });
  createFetch(tokens, appid, { isStale: ({ result, error }) => result === error });
  const corp = defineRefresher({ type: 'corp_access_token', refresh: async () => grant });
  createFetch(new TokenManager({ refreshers: [corp] }), appid, { type: 'corp_access_token' });
  // @ts-expect-error an unknown type
  createFetch(tokens, appid, { type: 'corp_access_token' });
  // @ts-expect-error an option that does not exist
  createFetch(tokens, appid, { retries: 2 });
  // @ts-expect-error a signal belongs to a call
  createFetch(tokens, appid, { signal: AbortSignal.timeout(1) });
});

test('the ports have the members that users implement', () => {
  expectTypeOf<keyof Refresher>().toEqualTypeOf<'type' | 'dependsOn' | 'refresh'>();
  expectTypeOf<keyof RefreshContext>().toEqualTypeOf<
    'key' | 'app' | 'previous' | 'reason' | 'stale' | 'params' | 'token' | 'spend' | 'allow' | 'request' | 'signal'
  >();
  expectTypeOf<Grant>().toEqualTypeOf<{
    readonly value: string;
    readonly expiresInSeconds: number;
    readonly obtainedAt?: number;
    readonly dueInSeconds?: number;
    readonly refreshToken?: string;
    readonly refreshTokenExpiresInSeconds?: number;
    readonly scope?: string;
    readonly result?: JsonObject;
  }>();
  expectTypeOf<keyof TokenStore>().toEqualTypeOf<
    'now' | 'get' | 'set' | 'delete' | 'list' | 'lease' | 'claimDue' | 'watch' | 'close'
  >();
  expectTypeOf<TokenStore['get']>().returns.resolves.toEqualTypeOf<(StoredDocument | undefined)[]>();
  expectTypeOf<TokenStore['set']>().returns.resolves.toEqualTypeOf<number | undefined>();
  expectTypeOf<TokenStore['lease']>().returns.resolves.toEqualTypeOf<Lease | undefined>();
  expectTypeOf<StoredDocument>().toEqualTypeOf<{
    readonly id: string;
    readonly version: number;
    readonly data: StoredDocument['data'];
    readonly due?: Due;
  }>();
  expectTypeOf(new MemoryStore()).toExtend<TokenStore>();
  expectTypeOf(new FileStore('x')).toExtend<TokenStore>();
});

test('an error is made of a code, a message and facts', () => {
  const error = new TokenError('UPSTREAM_REJECTED', 'no', { appid, errcode: 40164, ip: '203.0.113.7', cause: 1 });
  const { appid: of, type, subject, errcode, errmsg, rid, ip, retryAt, retryable, cause } = error;
  expectTypeOf([of, type, subject, errmsg, rid, ip]).toEqualTypeOf<(string | undefined)[]>();
  expectTypeOf([errcode, retryAt]).toEqualTypeOf<(number | undefined)[]>();
  expectTypeOf(retryable).toBeBoolean();
  expectTypeOf(cause).toBeUnknown();
  new TokenError('A_CODE_OF_THE_FUTURE', 'the union is open');
});

test('a handler is made of a manager and of who may use it by which names', () => {
  const { entry } = createApiKey({ scopes: ['read'] });
  const handler = createHandler(new TokenManager(), {
    contracts: ['scheduler', 'wetoken', 'native', 'proxy'],
    keys: [entry],
    trust: ['10.0.0.0/8'],
    hostNames: ['tokens.example.com'],
  });
  expectTypeOf(handler).toEqualTypeOf<Handler>();
  // @ts-expect-error one name is a list of one
  createHandler(new TokenManager(), { anonymous: true, hostNames: 'tokens.example.com' });
  // @ts-expect-error an option that does not exist
  createHandler(new TokenManager(), { anonymous: true, hosts: [] });
});

test('an API key says when it was made and when it ends, in milliseconds, and only its end is given', () => {
  expectTypeOf<ApiKey>().toEqualTypeOf<{
    readonly id: string;
    readonly hash: string;
    readonly scopes: readonly Scope[];
    readonly appids?: readonly string[];
    readonly paths?: readonly string[];
    readonly perSecond?: number;
    readonly note?: string;
    readonly createdAt?: number;
    readonly expiresAt?: number;
  }>();
  const made = createApiKey({ scopes: ['read', 'refresh', 'register'], expiresAt: Date.UTC(2030, 0) });
  expectTypeOf(made).toEqualTypeOf<{ key: string; entry: ApiKey }>();
  // @ts-expect-error the instant at which it is made is not the caller's to say
  createApiKey({ scopes: ['read'], createdAt: 1 });
  // @ts-expect-error a date
  createApiKey({ scopes: ['read'], expiresAt: new Date() });
});
