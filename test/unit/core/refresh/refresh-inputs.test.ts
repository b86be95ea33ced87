import { beforeEach, describe, expect, test } from 'vitest';
import { Closing } from '../../../../src/core/model/closing.js';
import { TokenError } from '../../../../src/core/model/errors.js';
import { InputMissing } from '../../../../src/core/model/input-missing.js';
import type { BuiltInRefresher } from '../../../../src/core/model/refresher.js';
import { keyId, type TokenKey } from '../../../../src/core/model/token-key.js';
import {
  areOutdated,
  assertDependencies,
  gatherInputs,
  type InputSources,
  type RefreshInputs,
} from '../../../../src/core/refresh/refresh-inputs.js';
import type { RegisteredTask } from '../../../../src/core/registry/task-entry.js';
import { FakeClock } from '../../../../src/testing/index.js';

const KEY = { appid: 'wx1', type: 'code_token' };
const TOKEN = { appid: 'wx1', type: 'access_token' };
const URL = 'https://example.com/params';

let clock: FakeClock;
let closing: Closing;
/** The keys that have tasks. */
let tasks: Set<string>;
let pushed: Set<string>;
let wasPushed: boolean;
let asked: string[];
let signals: AbortSignal[];
let tokenOf: (key: TokenKey) => Promise<string>;
let answer: () => Promise<unknown>;

beforeEach(() => {
  clock = new FakeClock();
  closing = new Closing();
  tasks = new Set([keyId(TOKEN)]);
  pushed = new Set();
  wasPushed = false;
  asked = [];
  signals = [];
  tokenOf = async ({ type }) => `the ${type}`;
  answer = async () => ({ code: 'of the URL' });
});

function refresher(more: object = {}): BuiltInRefresher {
  return { type: KEY.type, refresh: async () => ({}), ...more } as unknown as BuiltInRefresher;
}

const dependent = (more: object = {}): BuiltInRefresher => refresher({ dependsOn: () => [TOKEN], ...more });

function taskWith(params: unknown, functionMissing = false): RegisteredTask {
  return { key: KEY, params, functionMissing, notify: undefined, version: 1 } as RegisteredTask;
}

interface Given {
  readonly refresher?: BuiltInRefresher;
  readonly params?: unknown;
  readonly canDoWithout?: boolean;
  readonly asksParams?: boolean;
  readonly task?: RegisteredTask | undefined;
}

function gather(given: Given = {}): Promise<RefreshInputs> {
  const { canDoWithout = false, asksParams = false, params } = given;
  const sources = {
    clock,
    closing,
    tokenOf: (key: TokenKey) => tokenOf(key),
    hasTask: (key: TokenKey) => tasks.has(keyId(key)),
    isPushed: (type: string) => pushed.has(type),
    wasPushed: () => wasPushed,
    callbacks: {
      askParams: async (url: string, key: TokenKey, signal: AbortSignal) => {
        asked.push(`${url} for ${keyId(key)}`);
        signals.push(signal);
        return answer();
      },
    },
  } as unknown as InputSources;
  const task = 'task' in given ? given.task : taskWith(params);
  return gatherInputs(KEY, given.refresher ?? refresher(), task, sources, { canDoWithout, asksParams });
}

/** Returns the error of the input that was missing. */
async function lackOf(gathering: Promise<unknown>): Promise<TokenError> {
  const error: unknown = await gathering.then(
    () => expect.fail('no input was missing'),
    (thrown: unknown) => thrown,
  );
  expect(InputMissing.is(error)).toBe(true);
  return (error as InputMissing).error;
}

describe('the dependencies of a key', () => {
  test('a key that depends on itself lacks what it depends on', () => {
    const circular = refresher({ dependsOn: () => [KEY] });
    expect(() => assertDependencies(KEY, () => refresher())).not.toThrow();
    let thrown: unknown;
    try {
      assertDependencies(KEY, () => circular);
    } catch (error) {
      thrown = error;
    }
    expect(InputMissing.is(thrown)).toBe(true);
    expect((thrown as InputMissing).error).toMatchObject({ code: 'INPUT_MISSING', ...KEY });
    expect((thrown as InputMissing).error.message).toMatch(/^code_token lacks what it depends on: /);
  });

  test.each<[string, object, boolean, string]>([
    ['the one of its task', {}, false, 'the access_token'],
    ['the one of its task, even if the params have one', { access_token: 'given' }, true, 'the access_token'],
    ['the one in the params, without a task', { access_token: 'given' }, false, 'given'],
    ['that of a flight, if the params have an empty one', { access_token: '' }, false, 'the access_token'],
    ['that of a flight, if the params have no text', { access_token: 5 }, false, 'the access_token'],
  ])('the token that a key depends on is %s', async (_, params, hasTask, expected) => {
    if (!hasTask) tasks.clear();
    const { tokens } = await gather({ refresher: dependent(), params });
    expect([...tokens]).toEqual([[keyId(TOKEN), { key: TOKEN, value: expected, pushed: false }]]);
  });

  test.each<[string, Error | undefined, string]>([
    ['the pushed one', undefined, 'the access_token'],
    ['the given one if none was pushed', new TokenError('INPUT_MISSING', 'no', {}), 'given'],
    ['the given one if its app is not registered', new TokenError('NOT_REGISTERED', 'no', {}), 'given'],
  ])('of a pushed token and one in the params a key uses %s', async (_, error, expected) => {
    tasks.clear();
    pushed.add(TOKEN.type);
    if (error !== undefined) tokenOf = () => Promise.reject(error);
    const { tokens } = await gather({ refresher: dependent(), params: { access_token: 'given' } });
    expect(tokens.get(keyId(TOKEN))).toEqual({ key: TOKEN, value: expected, pushed: true });
  });

  test('a failure to get a pushed token that is no lack is passed on', async () => {
    tasks.clear();
    pushed.add(TOKEN.type);
    tokenOf = () => Promise.reject(new TokenError('STORE_UNAVAILABLE', 'no answer', { retryable: true }));
    const gathering = gather({ refresher: dependent(), params: { access_token: 'given' } });
    expect(await lackOf(gathering)).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  });

  test('an error that is not one of this library becomes a missing input without its message', async () => {
    tokenOf = () => Promise.reject(new RangeError('CANARY'));
    const error = await lackOf(gather({ refresher: dependent() }));
    expect(error).toMatchObject({ code: 'INPUT_MISSING', ...KEY });
    expect(error.message).toMatch(/^code_token lacks what it depends on/);
    expect(error.message).not.toContain('CANARY');
  });
});

describe('the params of a task', () => {
  test.each<[string, RegisteredTask | undefined, object]>([
    ['those that it was registered with', taskWith({ code: 'x' }), { code: 'x' }],
    ['none if it was registered without any', taskWith(undefined), {}],
    ['none without a task', undefined, {}],
  ])('the params of a task are %s', async (_, task, params) => {
    expect(await gather({ task })).toEqual({ params, tokens: new Map(), urlNotAsked: false });
  });

  test('the params of a function are those that it returns for the key', async () => {
    expect((await gather({ params: (key: TokenKey) => ({ code: keyId(key) }) })).params).toEqual({ code: keyId(KEY) });
  });

  test('a task whose params function this process does not have lacks it', async () => {
    const error = await lackOf(gather({ task: taskWith(undefined, true), canDoWithout: true }));
    expect(error).toMatchObject({ code: 'INPUT_MISSING', ...KEY });
    expect(error.message).toContain('params function of this task is not registered in this process');
  });

  test.each<[string, Given, boolean]>([
    ['if a refresh wants it', { asksParams: true }, true],
    ['not if nothing needs it', {}, false],
    ['if the refresher needs params', { refresher: refresher({ needsParams: () => true }), canDoWithout: true }, true],
    ['if a refresh token is missing', { refresher: refresher({ spends: 'refresh_token' }) }, true],
    [
      'not if the store has a refresh token',
      { refresher: refresher({ spends: 'refresh_token' }), canDoWithout: true },
      false,
    ],
    ['not if the dependency has a task', { refresher: dependent() }, false],
  ])('a params URL is asked %s', async (_, given, isAsked) => {
    const { params, urlNotAsked } = await gather({ params: URL, ...given });
    expect([asked, urlNotAsked]).toEqual([isAsked ? [`${URL} for ${keyId(KEY)}`] : [], !isAsked]);
    expect(params).toEqual(isAsked ? { code: 'of the URL' } : {});
  });

  test.each([true, false])(
    'a params URL is asked for a dependency without a task unless it was pushed: %s',
    async (was) => {
      tasks.clear();
      wasPushed = was;
      await gather({ params: URL, refresher: dependent() });
      expect(asked.length).toBe(was ? 0 : 1);
    },
  );

  test('the request of a params URL is aborted when it is over', async () => {
    await gather({ params: URL, asksParams: true });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  test.each<[string, unknown, number]>([
    ['function', () => new Promise(() => {}), 5_000],
    ['URL', URL, 10_000],
  ])('a params %s that does not answer has failed after a while', async (name, params, timeoutMs) => {
    answer = () => new Promise(() => {});
    let isOver = false;
    const lack = lackOf(gather({ params, asksParams: true })).finally(() => {
      isOver = true;
    });
    await clock.advance(timeoutMs - 1);
    expect(isOver).toBe(false);
    await clock.advance(1);
    expect(await lack).toMatchObject({ code: 'INPUT_MISSING', message: `the params ${name} failed`, retryable: true });
  });

  test('an error of a params function is not shown, and an error of this library is one that passes', async () => {
    const thrown = (error: Error) => () => {
      throw error;
    };
    const foreign = await lackOf(gather({ params: thrown(new Error('CANARY')) }));
    expect(foreign).toMatchObject({
      code: 'INPUT_MISSING',
      message: 'the params function failed',
      retryable: true,
      ...KEY,
    });
    expect(String(foreign.cause)).not.toContain('CANARY');
    const ours = await lackOf(gather({ params: thrown(new TokenError('UPSTREAM_UNAVAILABLE', 'no route', {})) }));
    expect(ours).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', message: 'no route', retryable: true });
  });

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'an object, got undefined'],
    ['a list', ['CANARY'], 'an object, got an array'],
    ['bytes', Buffer.from('CANARY'), 'an object, got bytes'],
    ['a Map', new Map([['a', 'CANARY']]), 'an object, got an instance of a class without fields, such as a Map'],
  ])('a params function that returns %s has failed', async (_, result, message) => {
    const error = await lackOf(gather({ params: () => result }));
    expect(error).toMatchObject({ code: 'INPUT_MISSING', retryable: true, ...KEY });
    expect(error.message).toBe(`the params function must return ${message}`);
  });

  test('a secret with a stray character in the answer of a params URL is refused', async () => {
    answer = async () => ({ refresh_token: 'CANARY\n' });
    const error = await lackOf(gather({ params: URL, asksParams: true }));
    expect(error.message).toBe('the answer of the params URL.refresh_token must not end with white space (U+000A)');
  });

  test('params that fail or are wrong count as none if the store has what they would contain', async () => {
    const failing = () => {
      throw new Error('no');
    };
    expect((await gather({ params: failing, canDoWithout: true })).params).toEqual({});
    expect((await gather({ params: () => 'x', canDoWithout: true })).params).toEqual({});
  });

  test('gathering ends when the manager is closing', async () => {
    const gathering = gather({ params: () => new Promise(() => {}), canDoWithout: true });
    closing.begin();
    await expect(gathering).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

test.each<[string, boolean, { readonly value: string; readonly leftMs: number } | undefined, boolean]>([
  ['is the cached one', true, { value: 'v', leftMs: 1 }, false],
  ['has expired', true, { value: 'v', leftMs: 0 }, true],
  ['was replaced', true, { value: 'w', leftMs: 1 }, true],
  ['is not cached', true, undefined, false],
  ['may have come from the params', false, { value: 'w', leftMs: 1 }, false],
])('whether inputs are outdated by a token that %s: %#', (_, hasTask, held, expected) => {
  const inputs = {
    params: {},
    tokens: new Map([['x', { key: TOKEN, value: 'v', pushed: false }]]),
    urlNotAsked: false,
  };
  const registry = { task: () => (hasTask ? {} : undefined) };
  const records = { cache: { get: () => held }, leftMs: () => held?.leftMs ?? 0 };
  expect(areOutdated(inputs, registry as never, records as never)).toBe(expected);
});
