// @ts-check
// This is the layout of the page of all other exports, by entry point.

/** @type {import('./layout.mjs').Page} */
export const TYPES = {
  file: 'types',
  title: 'Types',
  intro: [
    'Every other export, by entry point, with its signature. Interfaces that only hold options are in [options](options.md), events in [events](events.md), and errors in [errors](errors.md).',
  ],
  sections: [
    {
      id: 'manager',
      title: '`wechat-token-manager`: the manager',
      blocks: [
        { kind: 'members', name: 'TokenManager', brief: false },
        { kind: 'members', name: 'TokenRecord' },
        { kind: 'fields', name: 'TokenKey' },
        { kind: 'fields', name: 'TaskStatus' },
        { kind: 'fields', name: 'TaskFailure' },
        { kind: 'fields', name: 'DeliveryStatus' },
        {
          kind: 'list',
          names: [
            'BuiltInTokenType',
            'AccessTokenMode',
            'PushMode',
            'ParamsFunction',
            'WaitingFor',
            'CallOutcome',
            'IsStale',
            'JsonValue',
          ],
        },
        { kind: 'shape', name: 'JsonObject' },
      ],
    },
    {
      id: 'fetch',
      title: '`wechat-token-manager`: calls of WeChat',
      blocks: [
        { kind: 'list', names: ['createFetch', 'WeChatFetch'] },
        { kind: 'shape', name: 'FetchTokens' },
      ],
    },
    {
      id: 'js-sdk',
      title: '`wechat-token-manager`: JS-SDK',
      blocks: [
        { kind: 'list', names: ['signJsSdk', 'jsSdkSignature', 'signCard'] },
        { kind: 'fields', name: 'JsSdkConfig' },
        { kind: 'fields', name: 'CardConfig' },
        { kind: 'shape', name: 'JsapiTickets' },
        { kind: 'shape', name: 'WxCardTickets' },
      ],
    },
    {
      id: 'refreshers',
      title: '`wechat-token-manager`: custom refreshers',
      text: ['These interfaces are what a token type of your own is made of.'],
      blocks: [
        { kind: 'list', names: ['defineRefresher', 'RefreshReason'] },
        { kind: 'members', name: 'Refresher' },
        { kind: 'members', name: 'RefreshContext' },
        { kind: 'options', name: 'Grant' },
        { kind: 'fields', name: 'SpentToken' },
        { kind: 'fields', name: 'AppCredentials' },
      ],
    },
    {
      id: 'stores',
      title: '`wechat-token-manager`: stores',
      text: ['A store of your own implements `TokenStore`; the classes below do.'],
      blocks: [
        { kind: 'members', name: 'TokenStore' },
        { kind: 'fields', name: 'StoredDocument' },
        { kind: 'fields', name: 'Due' },
        { kind: 'members', name: 'Lease' },
        { kind: 'members', name: 'MemoryStore' },
        { kind: 'members', name: 'FileStore' },
        { kind: 'members', name: 'EncryptedStore' },
        { kind: 'list', names: ['EncryptionKey'] },
      ],
    },
    {
      id: 'clock',
      title: '`wechat-token-manager`: the clock',
      blocks: [
        { kind: 'list', names: ['systemClock'] },
        { kind: 'members', name: 'Clock' },
        { kind: 'shape', name: 'ClockTimer' },
      ],
    },
    {
      id: 'redis',
      title: '`wechat-token-manager/redis`',
      blocks: [
        { kind: 'members', name: 'RedisStore' },
        { kind: 'shape', name: 'RedisClient' },
      ],
    },
    {
      id: 'sql',
      title: '`wechat-token-manager/sql`',
      blocks: [
        { kind: 'members', name: 'SqlStore' },
        { kind: 'list', names: ['SqlDialect', 'tableDefinition', 'libsqlDatabase'] },
        { kind: 'shape', name: 'LibsqlDatabase' },
      ],
    },
    {
      id: 'http',
      title: '`wechat-token-manager/http`',
      blocks: [
        { kind: 'list', names: ['createHandler', 'createCallbacks', 'createApiKey', 'verifyWebhook', 'appSecretOf'] },
        { kind: 'members', name: 'Handler' },
        { kind: 'fields', name: 'VerifiedWebhook' },
        { kind: 'fields', name: 'CallReport' },
        { kind: 'list', names: ['ContractName', 'Scope', 'ApiKeyOptions', 'WebhookSecret', 'ReceivedHeaders'] },
        { kind: 'shape', name: 'ServableManager' },
      ],
    },
    {
      id: 'platform',
      title: '`wechat-token-manager/platform`',
      blocks: [
        {
          kind: 'list',
          names: [
            'createPushReceiver',
            'authorizationUrl',
            'describeAuthorizer',
            'authorizers',
            'recoverAuthorizers',
            'startPushTicket',
          ],
        },
        { kind: 'members', name: 'PushReceiver' },
        { kind: 'fields', name: 'PushedMessage' },
        { kind: 'fields', name: 'PlatformEvent' },
        { kind: 'members', name: 'PushContent' },
        { kind: 'fields', name: 'PushReply' },
        { kind: 'shape', name: 'PushReplyFields' },
        { kind: 'list', names: ['PushReplyValue'] },
        { kind: 'fields', name: 'ForwardedPush' },
        { kind: 'shape', name: 'ForwardedFields' },
        { kind: 'list', names: ['ForwardedValue'] },
        { kind: 'fields', name: 'PushRequest' },
        { kind: 'fields', name: 'PushAnswer' },
        { kind: 'fields', name: 'AuthorizerDescription' },
        { kind: 'list', names: ['AuthorizerAccountState'] },
        { kind: 'fields', name: 'KnownAuthorizer' },
        { kind: 'fields', name: 'AuthorizerRecovery' },
        { kind: 'fields', name: 'AuthorizerCounts' },
        { kind: 'shape', name: 'PlatformManager' },
      ],
    },
    {
      id: 'testing',
      title: '`wechat-token-manager/testing`',
      blocks: [
        { kind: 'list', names: ['testTokenStore'] },
        { kind: 'members', name: 'FakeWeChat' },
        { kind: 'members', name: 'FakeClock' },
        { kind: 'fields', name: 'FakeCall' },
        { kind: 'fields', name: 'FakeMessage' },
        { kind: 'members', name: 'FakePushAnswer' },
        {
          kind: 'list',
          names: [
            'FakeFault',
            'FakeCallMatcher',
            'FakeRefreshTokenMode',
            'FakeUserTokens',
            'FakePushFault',
            'FakePushFields',
            'FakePushValue',
          ],
        },
      ],
    },
  ],
};
