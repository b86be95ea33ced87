import { beforeEach, describe, expect, test } from 'vitest';
import { Semaphore } from '../../../../src/core/concurrency/semaphore.js';
import { Closing } from '../../../../src/core/model/closing.js';
import { TokenError } from '../../../../src/core/model/errors.js';
import { InputMissing } from '../../../../src/core/model/input-missing.js';
import type { Grant, RefreshContext, Refresher, WeChatRequest } from '../../../../src/core/model/refresher.js';
import type { ParamsFunction } from '../../../../src/core/model/registration.js';
import { keyId, type TokenKey } from '../../../../src/core/model/token-key.js';
import { type AskParts, askRefresher as askOnce } from '../../../../src/core/refresh/ask-refresher.js';
import { CallbackRelay } from '../../../../src/core/refresh/callback-relay.js';
import { gatherInputs } from '../../../../src/core/refresh/refresh-inputs.js';
import { Spending } from '../../../../src/core/refresh/spending.js';
import type { RegisteredTask } from '../../../../src/core/registry/task-entry.js';
import { CountedLimits } from '../../../../src/core/store/counted-limits.js';
import { NO_KEY_DOCUMENT } from '../../../../src/core/store/key-document.js';
import type { StoreClock } from '../../../../src/core/store/store-clock.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { type OpenedStorage, openStorage } from '../../../support/worlds/storage.js';
import { everythingShown, failure } from '../../wechat/failure.js';

const KEY: TokenKey = { appid: 'wx1', type: 'jsapi_ticket' };
const TOKEN: TokenKey = { appid: 'wx1', type: 'access_token' };
const OTHER: TokenKey = { appid: 'wx9', type: 'component', subject: 's' };
const GRANT: Grant = { value: 'v', expiresInSeconds: 60 };

let wall: FakeClock;
let storage: OpenedStorage;
let clock: StoreClock;
let closing: Closing;

beforeEach(() => {
  closing = new Closing();
  wall = new FakeClock();
  storage = openStorage(new MemoryStore({ clock: wall }), wall);
  clock = storage.clock;
});

function refresher(refresh: (context: RefreshContext) => unknown, dependencies?: readonly TokenKey[]): Refresher {
  const answer = refresh as Refresher['refresh'];
  return { type: KEY.type, refresh: answer, ...(dependencies === undefined ? {} : { dependsOn: () => dependencies }) };
}

function task(params: RegisteredTask['params'], functionMissing = false): RegisteredTask {
  return { key: KEY, params, notify: undefined, functionMissing, version: 1 };
}

describe('gatherNeeds', () => {
  const asked: string[] = [];

  beforeEach(() => {
    asked.length = 0;
  });

  function gather(
    given: RegisteredTask | undefined,
    dependencies?: readonly TokenKey[],
    tasks: readonly string[] = [],
    tokenOf = async (key: TokenKey) => {
      asked.push(keyId(key));
      return `token of ${keyId(key)}`;
    },
  ) {
    const has = (key: TokenKey): boolean => tasks.includes(keyId(key));
    const callbacks = new CallbackRelay(storage.store, closing);
    return gatherInputs(
      KEY,
      refresher(() => GRANT, dependencies),
      given,
      { clock, closing, tokenOf, hasTask: has, isPushed: () => false, wasPushed: () => false, callbacks },
      { canDoWithout: false, asksParams: false },
    );
  }

  test('gatherNeeds accepts that there are no needs', async () => {
    expect(await gather(undefined)).toEqual({ params: {}, tokens: new Map(), urlNotAsked: false });
    expect(await gather(task(undefined), [])).toEqual({ params: {}, tokens: new Map(), urlNotAsked: false });
  });

  test('params are those of the task, or what its function returns for the key', async () => {
    const params = { a: 1 };
    expect((await gather(task(params))).params).toBe(params);
    expect((await gather(task((key) => ({ for: keyId(key) })))).params).toEqual({ for: 'wx1/jsapi_ticket' });
    expect((await gather(task(async () => params))).params).toBe(params);
  });

  test('gatherNeeds acquires a token for each dependency', async () => {
    const { tokens } = await gather(undefined, [TOKEN, OTHER]);
    expect([...tokens]).toEqual([
      ['wx1/access_token', { key: TOKEN, value: 'token of wx1/access_token', pushed: false }],
      ['wx9/component/s', { key: OTHER, value: 'token of wx9/component/s', pushed: false }],
    ]);
  });

  test('a dependency without a task comes from the params first', async () => {
    const { tokens } = await gather(task({ access_token: 'given' }), [TOKEN, OTHER]);
    expect([tokens.get('wx1/access_token')?.value, asked]).toEqual(['given', ['wx9/component/s']]);
  });

  test('a dependency with a task does not come from the params', async () => {
    const { tokens } = await gather(task({ access_token: 'given' }), [TOKEN], ['wx1/access_token']);
    expect(tokens.get('wx1/access_token')?.value).toBe('token of wx1/access_token');
  });

  test.each(['', 5, null, undefined])('a param that is %j is no token', async (given) => {
    await gather(task({ access_token: given }), [TOKEN]);
    expect(asked).toEqual(['wx1/access_token']);
  });

  test.each(['constructor', '__proto__'])('the type %s is not found in the params by accident', async (type) => {
    await gather(task({}), [{ appid: 'wx1', type }]);
    expect(asked).toEqual([`wx1/${type}`]);
  });

  test('a missing params function is a missing need', async () => {
    const error = await failure(gather(task(undefined, true)));
    expect(error).toBeInstanceOf(InputMissing);
    expect((error as unknown as InputMissing).error).toMatchObject({ code: 'INPUT_MISSING', ...KEY });
    expect(error.message).toBe('the params function of this task is not registered in this process');
  });

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('CANARY');
      },
    ],
    ['rejects', () => Promise.reject(new Error('CANARY'))],
    ['throws what is no error', () => Promise.reject('CANARY')],
    ['times out of itself', () => Promise.reject(new TokenError('TIMEOUT', 'CANARY'))],
  ])('a params function that %s is a missing need without its words', async (_, params) => {
    const error = (await failure(gather(task(params as ParamsFunction)))) as unknown as InputMissing;
    expect(error).toBeInstanceOf(InputMissing);
    expect(error.error).toMatchObject({ code: 'INPUT_MISSING', message: 'the params function failed', ...KEY });
    expect(error.error.cause).toBeInstanceOf(Error);
    expect(everythingShown(error)).not.toContain('CANARY');
  });

  test('a TokenError of the params function is passed on', async () => {
    const given = new TokenError('REAUTHORIZATION_REQUIRED', 'ask the user');
    const error = (await failure(gather(task(() => Promise.reject(given))))) as unknown as InputMissing;
    expect(error.error).toMatchObject({ code: 'REAUTHORIZATION_REQUIRED', message: 'ask the user', ...KEY });
  });

  test.each<[string, object, string]>([
    ['whose fields', new Proxy({}, { ownKeys: throwCanary }), 'the answer of the params function cannot be read'],
    [
      'whose token',
      {
        get refresh_token() {
          return throwCanary();
        },
      },
      'the answer of the params function: refresh_token cannot be read',
    ],
  ])('a params function that answers an object %s cannot be read is a missing need', async (_what, answer, message) => {
    const error = await failure(gather(task((() => answer) as unknown as ParamsFunction)));
    expect(error).toBeInstanceOf(InputMissing);
    expect(error.message).toBe(message);
  });

  test.each<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    ['CANARY', 'a string'],
    [['CANARY'], 'an array'],
  ])('a params function that answers %j is a missing need', async (answer, got) => {
    const error = await failure(gather(task((() => answer) as unknown as ParamsFunction)));
    expect(error).toBeInstanceOf(InputMissing);
    expect(error.message).toBe(`the params function must return an object, got ${got}`);
  });

  test('a params function has 5 s', async () => {
    const failed = failure(gather(task(() => new Promise(() => {}))));
    let over = false;
    void failed.then(() => {
      over = true;
    });
    await wall.advance(4_999);
    expect(over).toBe(false);
    await wall.advance(1);
    expect([over, (await failed).message, wall.pendingTimers]).toEqual([true, 'the params function failed', 0]);
  });

  test('a dependency that is not available is a missing need with its own error', async () => {
    const given = new TokenError('UPSTREAM_REJECTED', 'no', { appid: 'wx1', type: 'access_token', errcode: 40_164 });
    const error = await failure(gather(undefined, [TOKEN], [], () => Promise.reject(given)));
    expect(error).toBeInstanceOf(InputMissing);
    expect((error as unknown as InputMissing).error).toMatchObject({
      code: 'UPSTREAM_REJECTED',
      type: 'access_token',
      errcode: 40_164,
    });
    const odd = await failure(gather(undefined, [TOKEN], [], () => Promise.reject(new Error('CANARY'))));
    expect((odd as unknown as InputMissing).error).toMatchObject({
      code: 'INPUT_MISSING',
      message: 'jsapi_ticket lacks what it depends on',
      ...KEY,
    });
    expect(everythingShown(odd)).not.toContain('CANARY');
  });
});

describe('ask', () => {
  const requests: [WeChatRequest, { signal: AbortSignal; withToken: boolean; secret?: string | undefined }][] = [];

  beforeEach(() => {
    requests.length = 0;
  });

  function input(refresh: (context: RefreshContext) => unknown, more: Partial<AskParts> = {}): AskParts {
    const { store, reader, documents } = storage;
    return {
      key: KEY,
      app: { appid: 'wx1', secret: 'S', accessToken: 'stable' },
      refresher: refresher(refresh),
      reason: 'stale',
      stale: 'dead',
      previous: undefined,
      inputs: {
        params: { a: 1 },
        tokens: new Map([[keyId(TOKEN), { key: TOKEN, value: 'T', pushed: false }]]),
        urlNotAsked: false,
      },
      clock,
      upstream: {
        request: async (request, options) => {
          requests.push([request, options]);
          return { ok: true };
        },
        close: async () => {},
      },
      countedLimits: new CountedLimits(store, reader, () => clock.now()),
      spending: new Spending({
        key: KEY,
        document: NO_KEY_DOCUMENT,
        hadTask: false,
        urlNotAsked: false,
        answered: [],
        retryAfterRefusalMs: 1,
        documents,
        clock,
        announcing: new Semaphore(1),
      }),
      ...more,
    };
  }

  /** Asks once, and returns the grant that came of it. */
  async function ask(given: AskParts): Promise<Grant> {
    const asked = await askOnce(given);
    if (asked.kind !== 'granted') throw new Error(`the attempt ended with ${asked.kind}`);
    return asked.grant;
  }

  test.each([
    [7_999, undefined],
    [8_000, undefined],
    [8_001, 'STORE_UNAVAILABLE'],
  ])('the announcement of an attempt %i ms after the beginning is sent, or too late: %s', async (ms, code) => {
    const asked = ask(
      input(async (context) => {
        await wall.advance(ms);
        await context.spend('A');
        return GRANT;
      }),
    );
    if (code === undefined) expect(await asked).toBe(GRANT);
    else
      await expect(asked).rejects.toMatchObject({
        code,
        retryable: true,
        message: expect.stringContaining('too long'),
      });
  });

  test.each([
    [{ prefer: 'newest' }, "prefer must be 'offered' or 'stored', got "],
    [{ prefers: 'stored' }, 'the options of spend: unknown name "prefers", expected one of prefer'],
    [7, 'the options of spend must be an object, got a number'],
  ])('spend rejects the options %j', async (options, message) => {
    let refused: unknown;
    await ask(
      input(async (context) => {
        refused = await context.spend('A', options as never).catch((error: unknown) => error);
        return GRANT;
      }),
    );
    expect(refused).toBeInstanceOf(TypeError);
    expect((refused as Error).message).toContain(message);
  });

  test('the refresher receives what it needs, and its grant is returned', async () => {
    let seen: RefreshContext | undefined;
    const grant = await ask(
      input((context) => {
        seen = context;
        return GRANT;
      }),
    );
    expect(grant).toBe(GRANT);
    expect(seen).toMatchObject({
      key: KEY,
      app: { appid: 'wx1', secret: 'S', accessToken: 'stable' },
      previous: undefined,
      reason: 'stale',
      stale: 'dead',
      params: { a: 1 },
    });
    expect([seen?.signal.aborted, wall.pendingTimers]).toEqual([true, 0]);
  });

  test('the signal of an attempt that has ended says so, with one error for all attempts', async () => {
    const signals: AbortSignal[] = [];
    const refresh = (): Promise<unknown> =>
      ask(
        input((context) => {
          signals.push(context.signal);
          return GRANT;
        }),
      );
    await refresh();
    await refresh();
    const [first, second] = signals.map(({ reason }) => reason as unknown);
    expect(first).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', message: 'the attempt has ended' });
    expect(second).toBe(first);
  });

  test('token answers what was fetched, and only what dependsOn names', async () => {
    expect(await ask(input(async ({ token }) => ({ ...GRANT, value: await token(TOKEN) })))).toMatchObject({
      value: 'T',
    });
    const error = await failure(ask(input(({ token }) => token(OTHER))));
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
    expect((error.cause as Error).name).toBe('TypeError');
    await ask(
      input(async ({ token }) => {
        await expect(token(OTHER)).rejects.toThrow('wx9/component/s is not named by dependsOn of jsapi_ticket');
        return GRANT;
      }),
    );
  });

  test.each<[string, (context: RefreshContext) => Promise<unknown>, string]>([
    ['token', ({ token }) => token(OTHER), 'wx9/component/s is not named by dependsOn of jsapi_ticket'],
    [
      'allow',
      ({ allow }) => allow('my_limit', { every: 5 } as never),
      'a rate limit: unknown name "every", expected one of everyMs, perDay',
    ],
    [
      'spend',
      ({ spend }) => spend('r', { prefer: 'newest' as never }),
      `prefer must be 'offered' or 'stored', got "newest"`,
    ],
  ])('an argument that %s refuses is named in the error of the refresh', async (_method, misuse, message) => {
    const refused = ask(
      input(async (context) => {
        await misuse(context);
        return GRANT;
      }),
    );
    expect((await failure(refused)).message).toBe(`the refresher of jsapi_ticket failed: ${message}`);
  });

  test('a TypeError of the code of a refresher is shown without its message, which may hold a secret', async () => {
    const error = await failure(
      ask(
        input(async () => {
          throw new TypeError('CANARY');
        }),
      ),
    );
    expect(error.message).toBe('the refresher of jsapi_ticket failed: TypeError');
    expect(everythingShown(error)).not.toContain('CANARY');
  });

  test('a request says whether a token was used before', async () => {
    await ask(
      input(async ({ request, token }) => {
        expect(await request({ method: 'GET', path: '/a' })).toEqual({ ok: true });
        await token(TOKEN);
        await request({ method: 'GET', path: '/b' });
        return GRANT;
      }),
    );
    expect(requests.map(([{ path }, { withToken }]) => [path, withToken])).toEqual([
      ['/a', false],
      ['/b', true],
    ]);
    expect(requests[0]?.[1].signal).toBeInstanceOf(AbortSignal);
  });

  test('allow draws from a limit of the fleet', async () => {
    const answers = await ask(
      input(async ({ allow }) => {
        const limit = { perDay: 1 };
        return {
          ...GRANT,
          result: { list: [await allow('x', limit), await allow('x', limit), await allow('y', limit)] },
        };
      }),
    );
    expect(answers.result?.['list']).toEqual([true, false, true]);
    await ask(
      input(async ({ allow }) => {
        await expect(allow('a/b', {})).rejects.toThrow('type must be');
        return GRANT;
      }),
    );
  });

  test('a TokenError is passed on with the key', async () => {
    const given = new TokenError('UPSTREAM_REJECTED', 'no', { errcode: 40_164, retryable: false });
    const error = await failure(ask(input(() => Promise.reject(given))));
    expect(error).toMatchObject({ code: 'UPSTREAM_REJECTED', errcode: 40_164, retryable: false, ...KEY });
  });

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('CANARY');
      },
    ],
    ['rejects', () => Promise.reject(new Error('CANARY'))],
  ])('another failure of a refresher, if it %s, is UPSTREAM_UNAVAILABLE without its words', async (_, refresh) => {
    const error = await failure(ask(input(refresh)));
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true, ...KEY });
    expect(error.message).toBe('the refresher of jsapi_ticket failed: Error');
    expect(everythingShown(error)).not.toContain('CANARY');
    expect(wall.pendingTimers).toBe(0);
  });

  test('a refresher that never answers has 15 s, and its signal is aborted', async () => {
    let signal: AbortSignal | undefined;
    const failed = failure(
      ask(
        input((context) => {
          signal = context.signal;
          return new Promise(() => {});
        }),
      ),
    );
    await wall.advance(14_999);
    expect(signal?.aborted).toBe(false);
    await wall.advance(1);
    const error = await failed;
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true, ...KEY });
    expect(error.message).toBe('no answer within 15000 ms');
    expect([signal?.aborted, signal?.reason, wall.pendingTimers]).toEqual([true, expect.any(TokenError), 0]);
  });

  test('a refresher that fails after its time is ignored', async () => {
    const failed = failure(
      ask(input(() => new Promise((_, reject) => void wall.setTimer(() => reject(new Error('late')), 20_000)))),
    );
    await wall.advance(15_000);
    expect((await failed).message).toBe('no answer within 15000 ms');
    await wall.advance(10_000);
  });

  test('a refresher may answer in the last millisecond', async () => {
    const asked = ask(input(() => new Promise((resolve) => void wall.setTimer(() => resolve(GRANT), 14_999))));
    await wall.advance(15_000);
    expect(await asked).toBe(GRANT);
  });

  const stale = new TokenError('UPSTREAM_REJECTED', 'invalid credential', { errcode: 40_001 });

  test('an error with a code for a stale token refers to the tokens that were requested', async () => {
    const asked = await askOnce(
      input(async ({ token }) => {
        await token(TOKEN);
        throw stale;
      }),
    );
    if (asked.kind !== 'stale') return expect.unreachable();
    expect(asked.dependencies).toEqual([{ key: TOKEN, value: 'T', pushed: false }]);
    expect(asked.error).toMatchObject({ code: 'UPSTREAM_REJECTED', errcode: 40_001, ...KEY });
    expect(asked.error.message).not.toContain('T ');
  });

  test('an error is one of the key itself without a requested token, or with another code', async () => {
    expect(await failure(ask(input(() => Promise.reject(stale))))).toMatchObject({
      name: 'TokenError',
      errcode: 40_001,
    });
    const other = new TokenError('UPSTREAM_REJECTED', 'no', { errcode: 40_013 });
    const error = await failure(
      ask(
        input(async ({ token }) => {
          await token(TOKEN);
          throw other;
        }),
      ),
    );
    expect(error).toMatchObject({ name: 'TokenError', errcode: 40_013 });
  });
});

function throwCanary(): never {
  throw new Error('CANARY');
}
