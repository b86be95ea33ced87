import { beforeEach, describe, expect, test } from 'vitest';
import { Closing } from '../../../../src/core/model/closing.js';
import type { BuiltInRefresher } from '../../../../src/core/model/refresher.js';
import type { TaskParams } from '../../../../src/core/model/registration.js';
import type { TokenKey } from '../../../../src/core/model/token-key.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { InputGatherer } from '../../../../src/core/refresh/input-gatherer.js';
import type { RefreshInputs } from '../../../../src/core/refresh/refresh-inputs.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { grantNow, type HeldRecordsWorld, holdRecords } from '../../../support/worlds/held-records.js';

const KEY = { appid: 'wx1', type: 'user', subject: 'a' };
const ID = 'key/wx1/user/a';
const TICKET = { appid: 'wx1', type: 'ticket' };

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let world: HeldRecordsWorld;
let refresher: BuiltInRefresher;
let asked: number;
let answer: JsonObject;
let got: string[];
let gatherer: InputGatherer;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  world = holdRecords(faulty, clock);
  asked = 0;
  got = [];
  refresher = { type: 'user' } as BuiltInRefresher;
  gatherer = new InputGatherer({
    ...world,
    refresherOf: (type) => (type === 'ticket' ? ({ type, pushed: true } as BuiltInRefresher) : refresher),
    tokens: {
      get: async ({ type }: TokenKey) => {
        got.push(type);
        return `value of ${type}`;
      },
    } as never,
    callbacks: {
      askParams: async () => {
        asked += 1;
        return answer;
      },
    } as never,
    closing: new Closing(),
  });
});

function setTask(params: TaskParams | undefined): void {
  world.registry.setTask({ key: KEY, params, notify: undefined, functionMissing: false, version: 1 });
}

/** Gives the key a task whose params are requested from a URL. */
function setUrl(params: JsonObject = { refresh_token: 'of-params' }): void {
  answer = params;
  setTask('https://example.com/params');
}

const gather = (asksParams = false): Promise<RefreshInputs> => gatherer.gather(KEY, refresher, asksParams);
const spends = (more: object = {}): void => {
  refresher = { type: 'user', spends: 'refresh_token', ...more } as BuiltInRefresher;
};
const storeToken = (token = 'stored'): Promise<number> => putContent(memory, ID, { rotation: { token, known: [] } });
const gets = (): number => faulty.calls.filter((call) => call === 'get').length;

describe('a key whose refresher needs a refresh token', () => {
  beforeEach(() => spends());

  test('a key without a refresh token, stored or in its params, fails, and the error says how to bring one', async () => {
    for (const params of [undefined, { other: 1 }]) {
      setTask(params);
      const { error } = await gather().catch((reason) => reason);
      expect(error).toMatchObject({ code: 'INPUT_MISSING', retryable: false, ...KEY });
      expect(error.message).toContain('user needs refresh_token');
    }
  });

  test('a key is refreshed with the refresh token of its params where none is stored', async () => {
    setTask({ refresh_token: 'of-params' });
    expect((await gather()).params).toEqual({ refresh_token: 'of-params' });
  });

  test('a stored refresh token makes up for params, which are not requested', async () => {
    await storeToken();
    setUrl();
    expect([(await gather()).params, asked]).toEqual([{}, 0]);
  });

  test('the params are requested in spite of a stored refresh token if that is wanted or the refresher needs them', async () => {
    await storeToken();
    setUrl();
    expect((await gather(true)).params).toEqual({ refresh_token: 'of-params' });
    spends({ needsParams: () => true });
    expect((await gather()).params).toEqual({ refresh_token: 'of-params' });
    spends({ needsParams: () => false });
    await gather();
    expect(asked).toBe(2);
  });

  test('a cached refresh token is not read again from the store, and a missing one is looked for there', async () => {
    await gather().catch(() => {});
    expect(gets()).toBe(1);
    const document = { version: 9, recordVersion: 9, rotation: { token: 'cached', known: [] } as never, unknown: {} };
    world.records.adopt(KEY, document, grantNow(clock, 'v', {}), { source: 'store', announceFirst: false });
    setUrl();
    expect([(await gather()).params, asked, gets()]).toEqual([{}, 0, 1]);
  });
});

describe('a key whose refresher needs no refresh token', () => {
  test('the store is read only where params would have to be requested', async () => {
    for (const params of [undefined, { code: 'a' }]) {
      setTask(params);
      expect((await gather()).params).toEqual(params ?? {});
    }
    expect(gets()).toBe(0);
    setUrl({ code: 'b' });
    expect([(await gather(true)).params, asked, gets()]).toEqual([{ code: 'b' }, 1, 1]);
    expect([(await gather()).urlNotAsked, asked, gets()]).toEqual([true, 1, 2]);
  });
});

describe('a key that needs other tokens', () => {
  const OTHER = { appid: 'wx1', type: 'other' };
  const needs = (...keys: TokenKey[]): void => {
    refresher = { type: 'user', dependsOn: ({ type }: TokenKey) => (type === 'user' ? keys : []) } as never;
  };

  function hold(key: TokenKey, ms: number): void {
    const grant = grantNow(clock, 'held', { expiresAt: clock.now() + ms });
    const document = { version: 1, recordVersion: 1, unknown: {} };
    world.records.adopt(key, document, grant, { source: 'put', announceFirst: false });
  }

  function holdTaskOf(key: TokenKey): void {
    world.registry.setTask({ key, params: undefined, notify: undefined, functionMissing: false, version: 1 });
  }

  test('the tokens that a key needs are got, and those that WeChat pushes are marked', async () => {
    needs(TICKET, OTHER);
    const { tokens } = await gather();
    expect(got).toEqual(['ticket', 'other']);
    expect([...tokens.values()]).toEqual([
      { key: TICKET, value: 'value of ticket', pushed: true },
      { key: OTHER, value: 'value of other', pushed: false },
    ]);
  });

  test('a token in the params is used unless it has a task of its own, or WeChat pushes it', async () => {
    needs(TICKET, OTHER);
    setTask({ ticket: 'given ticket', other: 'given' });
    const values = async (): Promise<string[]> => [...(await gather()).tokens.values()].map(({ value }) => value);
    expect(await values()).toEqual(['value of ticket', 'given']);
    holdTaskOf(OTHER);
    expect(await values()).toEqual(['value of ticket', 'value of other']);
  });

  test('a URL is asked for a token without a task, but not for one with a task', async () => {
    needs(OTHER);
    setUrl({});
    await gather();
    expect(asked).toBe(1);
    holdTaskOf(OTHER);
    await gather();
    expect(asked).toBe(1);
  });

  test('a URL is asked for a pushed token that is not held or has expired, and not for one that is held', async () => {
    needs(TICKET);
    setUrl({});
    await gather();
    hold(TICKET, 1_000);
    await gather();
    expect(asked).toBe(1);
    await clock.advance(1_000);
    await gather();
    expect(asked).toBe(2);
  });

  test('a URL is asked for a token that is held but not pushed', async () => {
    needs(OTHER);
    setUrl({});
    hold(OTHER, 1_000);
    await gather();
    expect(asked).toBe(1);
  });
});

describe('params whose function fails', () => {
  const fail = (): void => setTask(() => Promise.reject(new Error('no')));

  test('a stored refresh token makes up for them, unless the refresher needs them', async () => {
    spends();
    fail();
    await expect(gather()).rejects.toMatchObject({ error: { code: 'INPUT_MISSING', retryable: true } });
    await storeToken();
    expect((await gather()).params).toEqual({});
    spends({ needsParams: () => true });
    await expect(gather()).rejects.toMatchObject({ error: { code: 'INPUT_MISSING', retryable: true } });
  });
});
