import { expectTypeOf, test } from 'vitest';
import type {
  Due,
  Grant,
  Lease,
  RefreshContext,
  Refresher,
  StoredDocument,
  TaskStatus,
  TokenRecord,
  TokenStore,
} from '../../src/index.js';
import { defineRefresher, FileStore, MemoryStore, signJsSdk, systemClock, TokenError, TokenManager } from '../../src/index.js';

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
  if (tokens.hasType(name)) {
    expectTypeOf(name).toEqualTypeOf<'access_token' | 'jsapi_ticket' | 'wx_card_ticket' | 'corp_access_token'>();
  }
});
