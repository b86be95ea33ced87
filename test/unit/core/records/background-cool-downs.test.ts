import { beforeEach, describe, expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import { InputMissing } from '../../../../src/core/model/input-missing.js';
import { BackgroundCoolDowns } from '../../../../src/core/records/background-cool-downs.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

const KEY = { appid: 'wx1', type: 'jsapi_ticket' };
const DEPENDENCY = { appid: 'wx1', type: 'access_token' };
const MINUTES_10 = 600_000;

let clock: FakeClock;
let coolDowns: BackgroundCoolDowns;

beforeEach(() => {
  clock = new FakeClock({ random: 0.5 });
  coolDowns = new BackgroundCoolDowns(clock);
});

function missing(facts: object): InputMissing {
  return new InputMissing(new TokenError('INPUT_MISSING', 'missing', facts));
}

describe('the wait of the background', () => {
  const away = new TokenError('STORE_UNAVAILABLE', 'away', { retryable: true });
  const inMs = (ms: number): InputMissing =>
    missing({ ...DEPENDENCY, retryable: true, retryAt: new FakeClock().now() + ms });

  test.each<[string, unknown, number, number, number]>([
    ['200 ms at first after a store that was away', away, 0, 1, 200],
    ['longer each time', away, 0, 5, 1_600],
    ['a minute at most, half of it here', away, 0, 20, 30_000],
    ['half of what is left of the token at most', away, 20_000, 20, 10_000],
    ['the same after an answer that brought nothing new', undefined, 0, 5, 1_600],
    ['10 min for what is missing until it comes', missing(KEY), 0, 1, MINUTES_10],
    ['10 min for what is missing, whatever is left of the token', missing(KEY), 20_000, 20, MINUTES_10],
    ['as after a passing failure where the params could not be asked for', missing({ retryable: true }), 0, 5, 1_600],
    ['until the dependency is asked for again', inMs(90_000), 0, 1, 90_000],
    ['200 ms at least', inMs(199), 0, 1, 200],
    ['200 ms for a dependency that is due by now', inMs(-1), 0, 1, 200],
    ['10 min at most', inMs(MINUTES_10 + 1), 0, 1, MINUTES_10],
  ])('the background waits %s', (_, error, leftMs, attempts, delayMs) => {
    for (let attempt = 1; attempt < attempts; attempt++) coolDowns.add(KEY, true, leftMs, error);
    expect(coolDowns.add(KEY, true, leftMs, error)).toEqual({ attempts, delayMs });
    expect(coolDowns.leftMs(KEY)).toBe(delayMs);
  });

  test.each([
    [599_999, 1],
    [600_000, 0],
    [600_001, 0],
  ])('the wait for a missing need decreases: %i ms later %i ms are left of 10 min', async (ms, left) => {
    coolDowns.add(KEY, true, 0, missing(KEY));
    await clock.advance(ms);
    expect(coolDowns.leftMs(KEY)).toBe(left);
  });
});

describe('a lack that is met again', () => {
  const lackOf = (code: 'UPSTREAM_REJECTED' | 'STORE_UNAVAILABLE', message: string, retryAt?: number): InputMissing =>
    new InputMissing(new TokenError(code, message, { ...DEPENDENCY, retryable: true, retryAt }));
  const refused = (): InputMissing => lackOf('UPSTREAM_REJECTED', 'refused', new FakeClock().now() + 1_000);

  test.each([
    ['the same failure', refused(), refused(), true],
    ['the same code in other words', refused(), lackOf('UPSTREAM_REJECTED', 'other', refused().error.retryAt), false],
    ['a later attempt', refused(), lackOf('UPSTREAM_REJECTED', 'refused', new FakeClock().now() + 2_000), false],
    ['another code', refused(), lackOf('STORE_UNAVAILABLE', 'refused', refused().error.retryAt), false],
    ['a store that is still away', lackOf('STORE_UNAVAILABLE', '2 s'), lackOf('STORE_UNAVAILABLE', '3 s'), true],
    ['a failure that is no lack', refused(), refused().error, false],
    ['a lack after a failure that was none', refused().error, refused(), false],
  ])('a cool-down covers %s or not', (_, before, after, covers) => {
    coolDowns.add(KEY, true, 0, before);
    expect(coolDowns.coversLack(KEY, after)).toBe(covers);
  });

  test('a cool-down covers the same lack until it ends or is cleared', async () => {
    coolDowns.add(KEY, true, 0, refused());
    await clock.advance(1_000);
    expect(coolDowns.coversLack(KEY, refused())).toBe(false);
    coolDowns.add(KEY, true, 0, missing(KEY));
    expect(coolDowns.coversLack(KEY, missing(KEY))).toBe(true);
    coolDowns.clear(KEY);
    expect(coolDowns.coversLack(KEY, missing(KEY))).toBe(false);
  });
});

describe('keys that wait for a dependency', () => {
  test('a key that waits for a dependency is found once when that comes, and no longer backs off', () => {
    coolDowns.add(KEY, true, 0, missing(DEPENDENCY));
    expect(coolDowns.takeWaiting(KEY)).toEqual([]);
    expect(coolDowns.takeWaiting(DEPENDENCY)).toEqual([KEY]);
    expect([coolDowns.leftMs(KEY), coolDowns.takeWaiting(DEPENDENCY)]).toEqual([0, []]);
  });

  test.each<[string, boolean, unknown]>([
    ['without a task', false, missing(DEPENDENCY)],
    ['that lacks something of its own', true, missing(KEY)],
    ['that failed with a store', true, new TokenError('STORE_UNAVAILABLE', 'away', DEPENDENCY)],
    ['that lacks something without a name', true, missing({})],
  ])('the keys that wait for a dependency do not include a key %s', (_, isTask, error) => {
    coolDowns.add(KEY, isTask, 0, error);
    expect(coolDowns.takeWaiting(DEPENDENCY)).toEqual([]);
  });

  test('a key that waits for a dependency is still found when another one has stopped waiting for it', () => {
    const other = { ...KEY, subject: 'b' };
    coolDowns.add(KEY, true, 0, missing(DEPENDENCY));
    coolDowns.add(other, true, 0, missing(DEPENDENCY));
    coolDowns.clear(other);
    expect(coolDowns.takeWaiting(DEPENDENCY)).toEqual([KEY]);
  });

  test('a key that waits for the token of one subject is not found when that of another or of the app comes', () => {
    coolDowns.add(KEY, true, 0, missing({ ...DEPENDENCY, subject: 'user' }));
    expect(coolDowns.takeWaiting(DEPENDENCY)).toEqual([]);
    expect(coolDowns.takeWaiting({ ...DEPENDENCY, subject: 'another' })).toEqual([]);
    expect(coolDowns.takeWaiting({ ...DEPENDENCY, subject: 'user' })).toEqual([KEY]);
  });

  test('the keys that wait for a dependency do not include those cleared or waiting for another one', () => {
    const other = { ...KEY, subject: 'b' };
    coolDowns.add(KEY, true, 0, missing(DEPENDENCY));
    coolDowns.add(other, true, 0, missing(DEPENDENCY));
    coolDowns.clear(KEY);
    coolDowns.add(other, true, 0, missing(other));
    expect(coolDowns.takeWaiting(DEPENDENCY)).toEqual([]);
  });
});

describe('the error for a missing input', () => {
  test('the error for a missing input has the facts of the one that prevented the attempt, and no others', () => {
    const facts = { ...DEPENDENCY, subject: 'user', retryable: true, retryAt: clock.now() + 1_000 };
    coolDowns.add(KEY, true, 0, missing(facts));
    const error = coolDowns.lackOf(KEY);
    expect(error).toBeInstanceOf(TokenError);
    expect(error).toMatchObject({ code: 'INPUT_MISSING', message: 'missing', ...facts });
    coolDowns.add(KEY, true, 0, missing({ appid: 'wx1' }));
    expect({ ...coolDowns.lackOf(KEY) }).toEqual({ ...new TokenError('INPUT_MISSING', 'missing', { appid: 'wx1' }) });
  });

  test.each<[string, unknown]>([
    ['whose attempt failed for another reason', new TokenError('STORE_UNAVAILABLE', 'away', DEPENDENCY)],
    ['whose attempt brought nothing new', undefined],
  ])('a key %s has no error for a missing input', (_, error) => {
    expect(coolDowns.lackOf(KEY)).toBeUndefined();
    coolDowns.add(KEY, true, 0, missing(DEPENDENCY));
    coolDowns.add(KEY, true, 0, error);
    expect(coolDowns.lackOf(KEY)).toBeUndefined();
  });

  test('the error for a missing input is forgotten with the cool-down', () => {
    coolDowns.add(KEY, true, 0, missing(DEPENDENCY));
    coolDowns.clear(KEY);
    expect(coolDowns.lackOf(KEY)).toBeUndefined();
  });
});
