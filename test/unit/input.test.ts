import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import { describe, expect, test } from 'vitest';
import { createApiKey, createCallbacks, createHandler, verifyWebhook } from '../../src/http/index.js';
import {
  createFetch,
  EncryptedStore,
  FileStore,
  MemoryStore,
  signCard,
  signJsSdk,
  TokenManager,
} from '../../src/index.js';
import { type RedisClient, RedisStore } from '../../src/stores/redis/index.js';
import { SqlStore } from '../../src/stores/sql/index.js';
import { FakeClock } from '../../src/testing/index.js';
import { APPID, SECRET, TYPE, World } from '../support/worlds/world.js';
import { everythingShown } from './wechat/failure.js';

const KEY = 'a1'.repeat(32);
const HASH = '0f'.repeat(32);
const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32, 'CANARY').toString('base64')}`;
const REDIS = Object.fromEntries(
  ['sendCommand', 'connect', 'destroy', 'duplicate', 'on', 'off', 'subscribe'].map((name) => [name, () => {}]),
) as unknown as RedisClient;
Object.assign(REDIS, { isOpen: false, isReady: false });
/** A Kysely without a database. */
const KYSELY = new Kysely<unknown>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (kysely) => new SqliteIntrospector(kysely),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

type Use = (given: never, tokens: TokenManager<never>) => unknown;

/** Each entry that takes an object of the caller, with one that it accepts. */
const ENTRIES: readonly [string, object, Use][] = [
  [
    'new TokenManager',
    {
      store: new MemoryStore(),
      refreshers: [],
      refresh: 'never',
      wechat: {},
      whenStoreUnavailable: 'fail',
      timeoutMs: 25_000,
      maxCachedRecords: 1,
      clock: new FakeClock(),
    },
    (given) => new TokenManager(given),
  ],
  [
    'refresh of new TokenManager',
    { marginMs: 1, jitterMs: 1, minValidityMs: 1, maxPerSecond: 1, maxPerSecondOfApp: 1 },
    (refresh) => new TokenManager({ refresh }),
  ],
  [
    'wechat of new TokenManager',
    { origins: ['https://api.weixin.qq.com'], accessToken: 'plain', proxy: 'http://10.0.0.9:3128' },
    (wechat) => new TokenManager({ wechat }),
  ],
  [
    'register',
    { appid: APPID, secret: SECRET, accessToken: 'stable', tasks: [TYPE] },
    (registration, tokens) => tokens.register(registration),
  ],
  [
    'a task of register',
    { type: TYPE, subject: 'x', params: { a: 1 }, notify: undefined },
    (task, tokens) => tokens.register({ appid: APPID, secret: SECRET, tasks: [task] }),
  ],
  ['unregister', { subject: 'x' }, (options, tokens) => tokens.unregister(APPID, TYPE, options)],
  ['hasTask', { subject: 'x' }, (options, tokens) => tokens.hasTask(APPID, TYPE, options)],
  [
    'refresh',
    { timeoutMs: 1_000, signal: new AbortController().signal, stale: 'CANARY-old' },
    (options, tokens) => tokens.refresh(APPID, TYPE, options),
  ],
  [
    'put',
    { value: 'x', expiresInSeconds: 60, refreshToken: 'y', scope: 'z', result: { a: 1 } },
    (grant, tokens) => tokens.put(APPID, TYPE, grant),
  ],
  [
    'the options of put',
    { subject: 'x' },
    (options, tokens) => tokens.put(APPID, TYPE, { value: 'x', expiresInSeconds: 60 }, options),
  ],
  [
    'call',
    { timeoutMs: 1_000, signal: new AbortController().signal, isStale: () => false },
    (options, tokens) => tokens.call(APPID, TYPE, String, options),
  ],
  ['status', { appid: APPID, type: TYPE, limit: 1 }, (query, tokens) => tokens.status(query).next()],
  ['new EncryptedStore', { keys: [KEY], acceptPlaintext: true }, (o) => new EncryptedStore(new MemoryStore(), o)],
  ['new MemoryStore', { clock: new FakeClock() }, (options) => new MemoryStore(options)],
  ['new FileStore', { clock: new FakeClock() }, (options) => new FileStore('./not-there', options)],
  ['new RedisStore', { prefix: 'x' }, (options) => new RedisStore(REDIS, options)],
  [
    'new SqlStore',
    { table: 'x', dialect: 'sqlite', clock: new FakeClock() },
    (options) => new SqlStore(KYSELY, options),
  ],
  [
    'createHandler',
    {
      contracts: ['native'],
      prefix: '/x',
      keys: [{ id: 'abcdefgh', hash: HASH, scopes: ['read'] }],
      trust: ['127.0.0.1'],
      allowHosts: ['example.com'],
      publicOnly: true,
      notifySecret: [WEBHOOK_SECRET],
      onError: () => {},
    },
    (options, tokens) => createHandler(tokens, options),
  ],
  [
    'createCallbacks',
    { publicOnly: true, allowHosts: ['example.com'], notifySecret: WEBHOOK_SECRET, legacyTypeNumbers: false },
    (options, tokens) => createCallbacks(tokens, options),
  ],
  ['createApiKey', { scopes: ['read'], appids: [APPID], perSecond: 1, note: 'x' }, (options) => createApiKey(options)],
  [
    'a key of createHandler',
    { id: 'abcdefgh', hash: HASH, scopes: ['read'], appids: [APPID], perSecond: 1, note: 'x' },
    (key, tokens) => createHandler(tokens, { keys: [key] }),
  ],
  [
    'signJsSdk',
    { subject: 'x', clock: { now: () => 0 } },
    (options) => signJsSdk({ get: async () => 'ticket' }, APPID, 'https://example.com/', options),
  ],
  [
    'signCard',
    { cardId: 'x', code: 'x', openid: 'x', cardType: 'x', shopId: 'x', subject: 'x', clock: { now: () => 0 } },
    (options) => signCard({ get: async () => 'ticket' }, APPID, options),
  ],
  [
    'createFetch',
    { type: 'access_token', subject: 'x', timeoutMs: 1, isStale: () => false, fetch: async () => new Response() },
    (options, tokens) => createFetch(tokens, APPID, options),
  ],
];

const FIELDS = ENTRIES.flatMap(([name, given, use]) => Object.keys(given).map((field) => [name, field, given, use]));

/** What an entry throws or rejects with; `undefined` where it accepts. */
async function outcome(use: Use, given: object): Promise<unknown> {
  await using world = new World();
  const tokens = await world.registered();
  const refused = await (async () => use(given as never, tokens as never))().then(
    () => undefined,
    (error: unknown) => error,
  );
  return refused;
}

describe('each entry point', () => {
  test.each(ENTRIES)('%s accepts the object that these tests vary', async (_name, given, use) => {
    expect(await outcome(use, given)).toBeUndefined();
  });

  test.each(FIELDS as [string, string, object, Use][])(
    '%s: a %s whose getter throws is a TypeError in one sentence, without what was thrown',
    async (_name, field, given, use) => {
      const throwing = Object.defineProperty({ ...given }, field, {
        enumerable: true,
        get() {
          throw new Error('CANARY');
        },
      });
      const error = await outcome(use, throwing);
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toMatch(new RegExp(`: ${field} cannot be read$`));
      expect(everythingShown(error)).not.toContain('CANARY');
    },
  );

  test.each(FIELDS as [string, string, object, Use][])(
    '%s: %s is read once, so that a getter cannot show another value after the check',
    async (_name, field, given, use) => {
      const values = given as Record<string, unknown>;
      let reads = 0;
      const changing = Object.defineProperty({ ...given }, field, {
        enumerable: true,
        get() {
          reads += 1;
          return reads === 1 ? values[field] : Symbol('CANARY');
        },
      });
      expect(await outcome(use, changing)).toBeUndefined();
      expect(reads).toBe(1);
    },
  );
});

test.each(['headers', 'body', 'secret', 'now', 'toleranceSeconds'])(
  'verifyWebhook: a %s whose getter throws is a TypeError in one sentence, without what was thrown',
  (field) => {
    const given = { headers: {}, body: '', secret: WEBHOOK_SECRET };
    const throwing = Object.defineProperty({ ...given }, field, {
      get() {
        throw new Error('CANARY');
      },
    });
    expect(() => verifyWebhook(throwing)).toThrow(new TypeError(`a webhook: ${field} cannot be read`));
  },
);

/** A list with a hole, which a loop that passes over it would take for one that is shorter. */
function holed(value: unknown): unknown[] {
  const list = [value, value];
  delete list[0];
  return list;
}

test.each<[string, Use, unknown, string]>([
  ['tasks', (tasks, tokens) => tokens.register({ appid: APPID, tasks }), TYPE, 'tasks must be an array without holes'],
  [
    'refreshers',
    (refreshers) => new TokenManager({ refreshers }),
    { type: 'x', refresh() {} },
    'refreshers must be an array without holes',
  ],
  [
    'origins',
    (origins) => new TokenManager({ wechat: { origins } }),
    'https://api.weixin.qq.com',
    'wechat.origins must be an array without holes',
  ],
  [
    'contracts',
    (contracts, tokens) => createHandler(tokens, { anonymous: true, contracts }),
    'native',
    'contracts must be an array without holes',
  ],
  ['trust', (trust, tokens) => createHandler(tokens, { trust }), '::1', 'trust must be an array without holes'],
  [
    'keys',
    (keys, tokens) => createHandler(tokens, { keys }),
    { id: 'abcdefgh', hash: HASH, scopes: ['read'] },
    'keys must be an array without holes',
  ],
  ['scopes', (scopes) => createApiKey({ scopes }), 'read', 'scopes must be an array without holes'],
  ['appids', (appids) => createApiKey({ scopes: ['read'], appids }), APPID, 'appids must be an array without holes'],
  [
    'allowHosts',
    (allowHosts, tokens) => createCallbacks(tokens, { allowHosts }),
    'example.com',
    'allowHosts must be an array without holes',
  ],
  [
    'notifySecret',
    (notifySecret, tokens) => createCallbacks(tokens, { notifySecret }),
    WEBHOOK_SECRET,
    'notifySecret must be an array without holes',
  ],
])('%s with a hole are a TypeError', async (_name, use, value, message) => {
  expect(await outcome(use, holed(value))).toEqual(new TypeError(message));
});

test('lists that are changed after the call change nothing', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const allowHosts = ['example.com'];
  createCallbacks(tokens, { allowHosts });
  allowHosts[0] = 'elsewhere.example';
  const task = { type: TYPE, notify: 'https://elsewhere.example/' } as const;
  await expect(tokens.register({ appid: APPID, tasks: [task] })).rejects.toThrow('must name one of the allowed hosts');
});

describe('secrets that were copied with too much', () => {
  const STRAYS: readonly [string, (secret: string) => string, string][] = [
    ['a line feed at the end', (secret) => `${secret}\n`, 'not end with white space (U+000A)'],
    ['a space at the beginning', (secret) => ` ${secret}`, 'not begin with white space (U+0020)'],
    ['a byte order mark', (secret) => `\ufeff${secret}`, 'not begin with an invisible character (U+FEFF)'],
    ['a control character', (secret) => `${secret}\u0000`, 'not end with a control character (U+0000)'],
    ['quotation marks', (secret) => `"${secret}"`, 'not be in quotation marks'],
  ];
  const PLACES: readonly [string, (secret: string, tokens: TokenManager<never>) => unknown, string][] = [
    ['the secret of register', (secret, tokens) => tokens.register({ appid: APPID, secret }), 'secret'],
    [
      'the value of put',
      (value, tokens) => tokens.put(APPID, TYPE, { value, expiresInSeconds: 60 }),
      "a grant's value",
    ],
    [
      'the refresh token of put',
      (refreshToken, tokens) => tokens.put(APPID, TYPE, { value: 'x', expiresInSeconds: 60, refreshToken }),
      "a grant's refreshToken",
    ],
    ...['refresh_token', 'authorizer_refresh_token', 'component_verify_ticket'].map((name): (typeof PLACES)[number] => [
      `the param ${name}`,
      (secret, tokens) => tokens.register({ appid: APPID, tasks: [{ type: TYPE, params: { [name]: secret } }] }),
      `params.${name}`,
    ]),
  ];
  const TABLE = PLACES.flatMap(([place, use, name]) =>
    STRAYS.map(([stray, spoil, words]) => [place, stray, use, spoil, `${name} must ${words}`]),
  ) as [string, string, (typeof PLACES)[number][1], (typeof STRAYS)[number][1], string][];

  test.each(TABLE)('%s with %s is a TypeError that shows nothing of it, and nothing is stored', async (...row) => {
    const [, , use, spoil, message] = row;
    await using world = new World();
    const tokens = await world.registered();
    const before = await contents(world);
    const error = await (use(spoil('CANARY-of-the-test'), tokens as never) as Promise<unknown>).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toEqual(new TypeError(message));
    expect(everythingShown(error)).not.toContain('CANARY');
    expect(await contents(world)).toEqual(before);
  });

  test('a secret that is stored already is read as it is', async () => {
    await using world = new World();
    const tokens = await world.registered();
    const [document] = await world.store.get([`app/${APPID}`]);
    expect(document).toBeDefined();
    const { seal } = await import('../../src/core/store/document-codec.js');
    const id = `app/${APPID}`;
    await world.store.set(id, seal(id, { secret: `${SECRET}\n` }), document?.version ?? 0);
    await tokens.close();
    const restarted = world.manager();
    await restarted.refresh(APPID, TYPE, { force: true });
    expect(world.wechat.asked.at(-1)?.app.secret).toBe(`${SECRET}\n`);
  });
});

async function contents({ store }: World): Promise<unknown[]> {
  const documents: unknown[] = [];
  for (const kind of ['app', 'task', 'key'])
    for await (const { id, data } of store.list(kind)) documents.push([id, data]);
  return documents;
}
