import { expectTypeOf, test } from 'vitest';
import { type ContractName, createHandler, type Handler } from '../../src/http/index.js';
import { type PushMode, type PushRegistration, TokenManager } from '../../src/index.js';
import {
  type AuthorizationUrlOptions,
  type AuthorizerAccountState,
  type AuthorizerCounts,
  type AuthorizerDescription,
  type AuthorizerInfo,
  type AuthorizerRecovery,
  type AuthorizersOptions,
  authorizationUrl,
  authorizers,
  createPushReceiver,
  describeAuthorizer,
  exchangeAuthorizationCode,
  type ForwardedFields,
  type ForwardedPush,
  type ForwardedValue,
  type ForwardingOptions,
  type ForwardRule,
  type KnownAuthorizer,
  type PlatformEvent,
  type PlatformManager,
  type PushAnswer,
  type PushContent,
  type PushedMessage,
  type PushHandlers,
  type PushReceiver,
  type PushReceiverOptions,
  type PushReply,
  type PushReplyFields,
  type PushReplyValue,
  type PushRequest,
  type RecoverAuthorizersOptions,
  recoverAuthorizers,
  startPushTicket,
} from '../../src/push-server/index.js';

declare const appid: string;
declare const secret: string;
declare const token: string;
declare const key: string;

test('an app is registered with the settings of its pushes', () => {
  const tokens = new TokenManager();
  void tokens.register({ appid, secret, push: { token, encodingAesKey: key }, tasks: ['component_access_token'] });
  void tokens.register({ appid, push: { token, encodingAesKey: [key, key], mode: 'encrypted' } });
  void tokens.register({ appid, push: { token, encodingAesKey: null, mode: 'plain' } });
  void tokens.register({ appid, push: null });
  expectTypeOf<PushRegistration>().toEqualTypeOf<{
    readonly token: string;
    readonly encodingAesKey?: string | readonly string[] | null;
    readonly mode?: PushMode;
  }>();
  expectTypeOf<PushMode>().toEqualTypeOf<'encrypted' | 'plain'>();
  // @ts-expect-error the token is missing
  void tokens.register({ appid, push: { encodingAesKey: key } });
  // @ts-expect-error an unknown mode
  void tokens.register({ appid, push: { token, mode: 'compatible' } });
});

test('a receiver is made of a manager, and of options that all may be left out', () => {
  const tokens = new TokenManager();
  const receiver = createPushReceiver(tokens);
  expectTypeOf(receiver).toEqualTypeOf<PushReceiver>();
  expectTypeOf(receiver).toExtend<Handler>();
  createPushReceiver(tokens, {
    authorizerTasks: ['authorizer_access_token', 'jsapi_ticket'],
    releaseCheck: false,
    prefix: '/wechat',
    onError: (error) => expectTypeOf(error).toEqualTypeOf<Error>(),
    onMessage: async ({ content }) => ({ MsgType: 'text', Content: content.textOf('Content') ?? '' }),
    onEvent: async ({ infoType }) => infoType,
  });
  createPushReceiver(tokens, { onMessage: () => undefined });
  expectTypeOf<keyof PushReceiverOptions>().toEqualTypeOf<
    'authorizerTasks' | 'releaseCheck' | 'prefix' | 'onError' | 'onMessage' | 'onEvent' | keyof ForwardingOptions
  >();
  expectTypeOf<keyof PushHandlers>().toEqualTypeOf<'onMessage' | 'onEvent'>();
  // @ts-expect-error an option that does not exist
  createPushReceiver(tokens, { releaseChecks: false });
  // @ts-expect-error neither true nor false
  createPushReceiver(tokens, { releaseCheck: 'no' });
  // @ts-expect-error a text is no reply
  createPushReceiver(tokens, { onMessage: () => 'hello' });
});

test('pushes are forwarded by rules, in a receiver and in a handler', () => {
  const tokens = new TokenManager();
  const forward: ForwardRule[] = [
    { msgType: ['text', 'image'], component: 'wx1', appid: ['wx2'], url: 'https://a.test' },
    { event: 'CLICK', url: 'https://a.test' },
    { infoType: 'notify_icpfiling_verify_result', url: 'https://a.test' },
  ];
  createPushReceiver(tokens, { forward, notifySecret: [Buffer.alloc(32)], allowHosts: ['a.test'], publicOnly: true });
  createHandler(tokens, { contracts: ['push'], forward, anonymous: true });
  expectTypeOf<keyof ForwardingOptions>().toEqualTypeOf<'forward' | 'notifySecret' | 'allowHosts' | 'publicOnly'>();
  // @ts-expect-error a rule without a URL
  createPushReceiver(tokens, { forward: [{ msgType: 'text' }] });
  // @ts-expect-error a name that does not exist
  createPushReceiver(tokens, { forward: [{ msgtype: 'text', url: 'https://a.test' }] });
});

test('a forwarded push has what rules select by, its fields, and the message as it was', () => {
  expectTypeOf<ForwardedPush>().toEqualTypeOf<{
    readonly id: string;
    readonly appid: string;
    readonly component?: string | undefined;
    readonly infoType?: string | undefined;
    readonly msgType?: string | undefined;
    readonly event?: string | undefined;
    readonly createdAt: number;
    readonly content: ForwardedFields;
    readonly raw: string;
  }>();
  expectTypeOf<ForwardedFields[string]>().toEqualTypeOf<ForwardedValue>();
  expectTypeOf<ForwardedValue>().toEqualTypeOf<string | ForwardedFields | readonly (string | ForwardedFields)[]>();
});

test('a handler takes a receiver for its contract of pushes', () => {
  const tokens = new TokenManager();
  createHandler(tokens, { contracts: ['native', 'push'], push: createPushReceiver(tokens), keys: './keys.json' });
  expectTypeOf<ContractName>().toEqualTypeOf<'scheduler' | 'wetoken' | 'native' | 'wechat' | 'proxy' | 'push'>();
  createHandler(tokens, { contracts: ['push'], releaseCheck: false, anonymous: true });
  // @ts-expect-error the options of a receiver are no receiver
  createHandler(tokens, { contracts: ['push'], push: { onMessage: () => undefined }, anonymous: true });
});

test('a push that came in another way is a request, and its answer has a status, a type and a text', () => {
  expectTypeOf<PushRequest>().toEqualTypeOf<{
    readonly method: 'GET' | 'POST';
    readonly appid: string;
    readonly component?: string | undefined;
    readonly query: string;
    readonly body: Uint8Array;
  }>();
  expectTypeOf<PushAnswer>().toEqualTypeOf<{
    readonly status: number;
    readonly contentType: string;
    readonly body: string;
  }>();
  expectTypeOf<PushReceiver['receive']>().toEqualTypeOf<(push: PushRequest) => Promise<PushAnswer>>();
});

test('messages and events have their head as fields, and everything else as content', () => {
  expectTypeOf<PushedMessage>().toEqualTypeOf<{
    readonly appid: string;
    readonly component: string | undefined;
    readonly from: string;
    readonly to: string;
    readonly createdAt: number;
    readonly type: string;
    readonly event: string | undefined;
    readonly id: string;
    readonly content: PushContent;
  }>();
  expectTypeOf<PlatformEvent>().toEqualTypeOf<{
    readonly component: string;
    readonly infoType: string;
    readonly createdAt: number;
    readonly id: string;
    readonly content: PushContent;
  }>();
  expectTypeOf<PushContent['textOf']>().toEqualTypeOf<(name: string) => string | undefined>();
  expectTypeOf<PushContent['children']>().toEqualTypeOf<ReadonlyMap<string, readonly PushContent[]>>();
});

test('a reply has a type, and fields of any depth by the names of WeChat', () => {
  const articles = [{ Title: 'One' }, { Title: 'Two' }];
  expectTypeOf({ MsgType: 'news', ArticleCount: 2, Articles: { item: articles } }).toExtend<PushReply>();
  expectTypeOf<{ Content: string }>().not.toExtend<PushReply>();
  expectTypeOf<PushReplyFields>().toEqualTypeOf<{ readonly [name: string]: PushReplyValue }>();
  expectTypeOf<() => void>().not.toExtend<PushReplyValue>();
});

test('the events of authorizations name the platform and the account', () => {
  const tokens = new TokenManager();
  for (const name of ['authorized', 'unauthorized'] as const) {
    tokens.on(name, ({ component, authorizer }) => {
      expectTypeOf([component, authorizer]).toEqualTypeOf<string[]>();
    });
  }
});

test('the event of a missing ticket names the platform, and since when', () => {
  new TokenManager().on('verifyTicketMissing', ({ component, since }) => {
    expectTypeOf(component).toEqualTypeOf<string>();
    expectTypeOf(since).toEqualTypeOf<number>();
  });
});

test('functions for authorizers take a manager and the appid of the platform', () => {
  const tokens = new TokenManager();
  expectTypeOf(tokens).toExtend<PlatformManager>();
  const redirectUri = 'https://platform.example.com/authorized';
  expectTypeOf(authorizationUrl(tokens, appid, { redirectUri, authType: 3 })).toEqualTypeOf<Promise<string>>();
  expectTypeOf(describeAuthorizer(tokens, appid, 'wx1')).toEqualTypeOf<Promise<AuthorizerDescription>>();
  expectTypeOf(authorizers(tokens, appid)).toEqualTypeOf<AsyncGenerator<KnownAuthorizer, void, undefined>>();
  expectTypeOf(recoverAuthorizers(tokens, appid)).toEqualTypeOf<Promise<AuthorizerRecovery>>();
  expectTypeOf(startPushTicket(tokens, appid)).toEqualTypeOf<Promise<void>>();
  // @ts-expect-error the link needs its options
  void authorizationUrl(tokens, appid);
  // @ts-expect-error the page to which the merchant returns is missing
  void authorizationUrl(tokens, appid, { authType: 3 });
  // @ts-expect-error an unknown form
  void authorizationUrl(tokens, appid, { redirectUri, authType: 3, form: 'app' });
  // @ts-expect-error the authorizer is missing
  void describeAuthorizer(tokens, appid);
  // @ts-expect-error an option that does not exist
  void recoverAuthorizers(tokens, appid, { pageSize: 100 });
});

test('the options of the functions for authorizers have these fields', () => {
  expectTypeOf<AuthorizationUrlOptions>().toEqualTypeOf<{
    readonly redirectUri: string;
    readonly authType: number;
    readonly bizAppid?: string;
    readonly form?: 'page' | 'wechat';
  }>();
  expectTypeOf<AuthorizersOptions>().toEqualTypeOf<{ readonly after?: string; readonly limit?: number }>();
  expectTypeOf<RecoverAuthorizersOptions>().toEqualTypeOf<{
    readonly signal?: AbortSignal;
    readonly onProgress?: (recovery: AuthorizerRecovery) => void;
  }>();
});

test('authorizers are described, listed and counted', () => {
  expectTypeOf<AuthorizerDescription>().toEqualTypeOf<{
    readonly appid: string;
    readonly name: string;
    readonly kind: 'officialAccount' | 'miniProgram';
    readonly state: AuthorizerAccountState;
    readonly userName: string;
    readonly principalName: string;
    readonly headImage: string;
    readonly permissions: readonly number[];
  }>();
  expectTypeOf<'normal' | 'cancelled' | 'banned' | 'warned' | 'frozen'>().toExtend<AuthorizerAccountState>();
  expectTypeOf<'20'>().toExtend<AuthorizerAccountState>();
  expectTypeOf<KnownAuthorizer>().toEqualTypeOf<{
    readonly appid: string;
    readonly state: 'authorized' | 'unauthorized' | 'needsAuthorization';
    readonly since: number;
    readonly name?: string;
    readonly kind?: 'officialAccount' | 'miniProgram';
    readonly permissions?: readonly number[];
  }>();
  expectTypeOf<AuthorizerRecovery>().toExtend<AuthorizerCounts>();
  expectTypeOf<Pick<AuthorizerRecovery, keyof AuthorizerRecovery>>().toEqualTypeOf<{
    readonly total: number;
    readonly present: number;
    readonly restored: number;
    readonly needAuthorization: number;
  }>();
});

test('a code is exchanged for an account without its tokens', () => {
  const tokens = new TokenManager();
  expectTypeOf(exchangeAuthorizationCode).parameters.toEqualTypeOf<[PlatformManager, string, string]>();
  expectTypeOf(exchangeAuthorizationCode(tokens, appid, token)).resolves.toEqualTypeOf<AuthorizerInfo>();
  expectTypeOf<AuthorizerInfo>().toEqualTypeOf<{
    readonly appid: string;
    readonly permissions: readonly number[];
    readonly since: number;
  }>();
  // @ts-expect-error the platform is missing
  void exchangeAuthorizationCode(tokens, token);
});

test('a handler is told under which URL merchants reach its pages', () => {
  const tokens = new TokenManager();
  void createHandler(tokens, {
    keys: [],
    contracts: ['push'],
    publicUrl: 'https://a.test',
    returnUrl: 'https://b.test',
  });
  // @ts-expect-error a URL is a text
  void createHandler(tokens, { keys: [], contracts: ['push'], publicUrl: new URL('https://a.test') });
});
