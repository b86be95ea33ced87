// @ts-check
// This is the layout of the page of options.

/** @type {import('./layout.mjs').Page} */
export const OPTIONS = {
  file: 'options',
  title: 'Options',
  intro: [
    'Every option that a user passes, with its type, default and bounds. Names that end in `Ms` are milliseconds, those that end in `Seconds` seconds. A name that is not in a table is a `TypeError`, and so is a value out of its bounds: see [errors](errors.md#type-error).',
  ],
  sections: [
    {
      id: 'manager',
      title: 'The manager',
      text: [
        "`new TokenManager(options)`, from `wechat-token-manager`. Every option may be left out. How the rate limit and `refresh: 'never'` work in a fleet is described in [fleet](../fleet.md).",
      ],
      blocks: [
        { kind: 'options', name: 'TokenManagerOptions' },
        { kind: 'options', name: 'RefreshOptions' },
        { kind: 'options', name: 'WeChatOptions' },
      ],
    },
    {
      id: 'register',
      title: 'Registering apps and tasks',
      text: [
        '`register(registration)` adds and replaces, and removes nothing; `unregister` removes. Up to 1,000 tasks are registered all or nothing, more in parts, and an app with more than 1,000 tasks or tokens is unregistered in steps: after a rejection a part may be done, nothing else is lost, and the same call completes it.',
        'URLs in `params` and `notify` need [callbacks](../http.md#callbacks).',
      ],
      blocks: [
        { kind: 'options', name: 'Registration' },
        { kind: 'options', name: 'PushRegistration' },
        { kind: 'options', name: 'TaskRegistration' },
      ],
    },
    {
      id: 'calls',
      title: 'Calls',
      text: [
        '`get` and `getRecord` take `GetOptions`, `refresh` takes `RefreshCallOptions`, `call` takes `CallOptions`, `createFetch` takes `CreateFetchOptions`, `status` takes `StatusQuery`. `peek`, `put`, `hasTask` and `unregister` take `SubjectOptions`.',
      ],
      blocks: [
        { kind: 'options', name: 'SubjectOptions' },
        { kind: 'options', name: 'WaitOptions' },
        { kind: 'options', name: 'GetOptions' },
        { kind: 'signature', name: 'RefreshCallOptions' },
        { kind: 'options', name: 'CallOptions' },
        { kind: 'options', name: 'CreateFetchOptions' },
        { kind: 'options', name: 'StatusQuery' },
      ],
    },
    {
      id: 'js-sdk',
      title: 'JS-SDK',
      blocks: [
        { kind: 'options', name: 'SignJsSdkOptions' },
        { kind: 'options', name: 'SignCardOptions' },
        { kind: 'options', name: 'JsSdkSignatureInput' },
      ],
    },
    {
      id: 'stores',
      title: 'Stores',
      text: [
        '`MemoryStore`, `FileStore` and `EncryptedStore` come from `wechat-token-manager`, `RedisStore` from `wechat-token-manager/redis`, and `SqlStore` from `wechat-token-manager/sql`.',
      ],
      blocks: [
        { kind: 'options', name: 'MemoryStoreOptions' },
        { kind: 'options', name: 'FileStoreOptions' },
        { kind: 'options', name: 'RedisStoreOptions' },
        { kind: 'options', name: 'SqlStoreOptions' },
        { kind: 'options', name: 'EncryptedStoreOptions' },
      ],
    },
    {
      id: 'refreshers',
      title: 'Custom refreshers',
      text: ['The methods of the context are in [types](types.md#refreshcontext).'],
      blocks: [
        { kind: 'options', name: 'WeChatRequest' },
        { kind: 'options', name: 'SpendOptions' },
        { kind: 'options', name: 'RateLimit' },
      ],
    },
    {
      id: 'http',
      title: 'HTTP',
      text: ['From `wechat-token-manager/http`. The routes themselves are described in [HTTP](../http.md).'],
      blocks: [
        { kind: 'options', name: 'HandlerOptions' },
        { kind: 'options', name: 'ApiKey' },
        { kind: 'options', name: 'CallbackOptions' },
        { kind: 'options', name: 'CallbackRules' },
        { kind: 'options', name: 'WebhookToVerify' },
        { kind: 'options', name: 'FetchConnection' },
      ],
    },
    {
      id: 'platform',
      title: 'Pushes and platforms',
      text: [
        'From `wechat-token-manager/platform`. How a platform is set up is described in [third-party platforms](../guide/platform.md).',
      ],
      blocks: [
        { kind: 'options', name: 'PushReceiverOptions' },
        { kind: 'options', name: 'PushHandlers' },
        { kind: 'options', name: 'ForwardingOptions' },
        { kind: 'options', name: 'ForwardRule' },
        { kind: 'options', name: 'AuthorizationUrlOptions' },
        { kind: 'options', name: 'AuthorizersOptions' },
        { kind: 'options', name: 'RecoverAuthorizersOptions' },
      ],
    },
    {
      id: 'serve',
      title: 'The command `serve`',
      text: [
        '`npx wechat-token-manager serve` takes these options on the command line or from the environment; the command line has precedence. An option that may be given more than once holds a list with commas in its variable. The texts are those of `serve --help`. How to run the server is described in [operations](../operations.md).',
      ],
      blocks: [{ kind: 'serve' }],
    },
    {
      id: 'testing',
      title: 'Testing',
      text: ['From `wechat-token-manager/testing`.'],
      blocks: [
        { kind: 'options', name: 'FakeWeChatOptions' },
        { kind: 'options', name: 'FakeApp' },
        { kind: 'options', name: 'FakeQuota' },
        { kind: 'options', name: 'FakeUserOptions' },
        { kind: 'options', name: 'FakeAccount' },
        { kind: 'options', name: 'FakePushSettings' },
        { kind: 'options', name: 'FakePushOptions' },
        { kind: 'options', name: 'FakePushCheckOptions' },
        { kind: 'options', name: 'FakeReleaseCheckOptions' },
        { kind: 'options', name: 'FakeClockOptions' },
        { kind: 'options', name: 'StoreContractOptions' },
      ],
    },
  ],
};
