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
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { grantNow, type HeldRecordsWorld, holdRecords, putContent } from '../../../support/worlds/held-records.js';

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
  const hold = (ms: number): void => {
    const grant = grantNow(clock, 'pushed', { expiresAt: clock.now() + ms });
    world.records.adopt(TICKET, { version: 1, recordVersion: 1, unknown: {} }, grant, {
      source: 'put',
      announceFirst: false,
    });
  };

  test('the tokens that a key needs are got, and handed over by their keys', async () => {
    refresher = { type: 'user', dependsOn: () => [TICKET] } as unknown as BuiltInRefresher;
    hold(1_000);
    const inputs = await gather();
    expect(got).toEqual(['ticket']);
    expect(JSON.stringify([...inputs.tokens])).toContain('value of ticket');
  });
});
