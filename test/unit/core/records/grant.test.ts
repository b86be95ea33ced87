import { describe, expect, test } from 'vitest';
import type { Grant } from '../../../../src/core/model/refresher.js';
import { receivedToken, savedToken, storedGrant } from '../../../../src/core/records/grant.js';
import { withValue } from '../../../../src/core/store/key-document.js';
import { everythingShown } from '../../wechat/failure.js';

const ASKED = 1_800_000_000_000;
const NOW = ASKED + 800;
const TIMES = { marginMs: 1_000, jitterMs: 100, minValidityMs: undefined };
const VALUE = 'CANARY-token';

function stored(fields: object, askedAt = ASKED) {
  return storedGrant({ value: VALUE, expiresInSeconds: 7_200, ...fields } as Grant, askedAt, NOW, TIMES, 0.5);
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    expect(everythingShown(error)).not.toContain('CANARY');
    return (error as Error).message;
  }
  return 'accepted';
}

describe('storedGrant', () => {
  test('storedGrant counts from the moment before the request', () => {
    expect(stored({})).toEqual({
      value: VALUE,
      obtainedAt: ASKED,
      expiresAt: ASKED + 7_200_000,
      dueAt: ASKED + 7_200_000 - 1_050,
    });
  });

  test('storedGrant counts from a whole millisecond', () => {
    expect(stored({ obtainedAt: ASKED - 0.4 })).toMatchObject({ obtainedAt: ASKED - 1 });
  });

  test('a grant without obtainedAt is accepted while a test has set the clock to the epoch', () => {
    const grant: Grant = { value: VALUE, expiresInSeconds: 7_200 };
    expect(storedGrant(grant, 0, 0, TIMES, 0)).toMatchObject({ obtainedAt: 0, expiresAt: 7_200_000 });
    expect(storedGrant(grant, -1.5, 0, TIMES, 0)).toMatchObject({ obtainedAt: -2 });
  });

  test('storedGrant counts from the obtainedAt of the grant', () => {
    expect(stored({ obtainedAt: ASKED - 5_000 })).toMatchObject({
      obtainedAt: ASKED - 5_000,
      expiresAt: ASKED + 7_195_000,
      dueAt: ASKED + 7_195_000 - 1_050,
    });
  });

  test.each([
    [1, 1_000],
    [31_536_000, 31_536_000_000],
    ['7200', 7_200_000],
    ['1.25', 1_250],
    [1.2345, 1_235],
  ])('a lifetime of %j s is %i ms', (expiresInSeconds, expected) => {
    expect(stored({ expiresInSeconds, dueInSeconds: 0 }).expiresAt - ASKED).toBe(expected);
  });

  test.each([
    [0, '0'],
    [0.999, '0.999'],
    [-1, '-1'],
    [31_536_001, '31536001'],
    [31_536_000.001, '31536000.001'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    ['0', 'a string of 1 characters'],
    ['', 'an empty string'],
    ['x', 'a string of 1 characters'],
    ['7200x', 'a string of 5 characters'],
    ['x7200', 'a string of 5 characters'],
    [' 7200', 'a string of 5 characters'],
    ['1e3', 'a string of 3 characters'],
    ['-7200', 'a string of 5 characters'],
    ['.5', 'a string of 2 characters'],
    [null, 'null'],
    [undefined, 'none'],
    [[7_200], 'an array'],
  ])('a lifetime of %j is rejected', (expiresInSeconds, got) => {
    expect(refusal(() => stored({ expiresInSeconds }))).toBe(
      `a grant's expiresInSeconds must be 1 to 31536000, got ${got}`,
    );
  });

  test.each([1, 2, 16_384])('a value of %i characters is taken', (length) => {
    expect(stored({ value: 'x'.repeat(length) }).value).toHaveLength(length);
  });

  test.each([
    ['', "a grant's value must be a non-empty string, got an empty string"],
    [undefined, "a grant's value must be a non-empty string, got undefined"],
    [5, "a grant's value must be a non-empty string, got a number"],
    [['CANARY'], "a grant's value must be a non-empty string, got an array"],
    ['CANARY'.padEnd(16_385), "a grant's value must be at most 16384 characters, got 16385"],
  ])('a grant whose value is not valid is rejected: %#', (value, message) => {
    expect(refusal(() => stored({ value }))).toBe(message);
  });

  test.each([null, undefined, 'CANARY', ['CANARY'], 5])('a grant that is no object is rejected: %#', (grant) => {
    const run = () => storedGrant(grant as unknown as Grant, ASKED, NOW, TIMES, 0);
    expect(refusal(run)).toMatch(/^a grant must be an object, got /);
  });

  test.each([
    [NOW + 5_000, true],
    [NOW + 5_001, false],
    [NOW, true],
    [0, false],
    [-1, false],
    [Number.NaN, false],
    [Number.POSITIVE_INFINITY, false],
    [null, false],
    [String(ASKED), false],
  ])('a grant obtained at %s is accepted: %s', (obtainedAt, taken) => {
    const message = refusal(() => stored({ obtainedAt }));
    if (taken) expect(message).toBe('accepted');
    else expect(message).toMatch(/^a grant's obtainedAt must be epoch milliseconds and not in the future, got /);
  });

  test.each([
    [0, 0],
    [6_900, 6_900_000],
    ['60', 60_000],
    [7_200, 7_200_000],
    [0.0004, 0],
    [0.0006, 1],
  ])('a grant due in %j s is due in %i ms', (dueInSeconds, expected) => {
    expect(stored({ dueInSeconds }).dueAt).toBe(ASKED + expected);
  });

  test.each([-1, 7_200.1, Number.NaN, 'soon', null])('a grant due in %j s is rejected', (dueInSeconds) => {
    const message = refusal(() => stored({ dueInSeconds }));
    expect(message).toMatch(/^a grant's dueInSeconds must be 0 to its expiresInSeconds, got /);
  });

  test('a grant keeps the answer, and stores the value in it only once', () => {
    const result = { access_token: VALUE, expires_in: 7_200, list: [VALUE] };
    const grant = stored({ result });
    expect(JSON.stringify(grant).split('CANARY')).toHaveLength(2);
    expect(withValue(grant.result as object as typeof result, VALUE)).toEqual(result);
    result.list.push('later');
    expect(grant.result?.['list']).toHaveLength(1);
  });

  test('an answer of 65536 characters of JSON is taken, one more is refused', () => {
    expect(refusal(() => stored({ result: { a: 'x'.repeat(65_528) } }))).toBe('accepted');
    expect(refusal(() => stored({ result: { a: 'x'.repeat(65_529) } }))).toBe(
      "a grant's result must be at most 65536 characters of JSON, got 65537",
    );
  });

  test.each([null, 'CANARY', ['CANARY'], 5])('an answer that is no object is refused: %#', (result) => {
    expect(refusal(() => stored({ result }))).toMatch(/^a grant's result must be an object, got /);
  });

  test.each([{ n: 5n }, { toJSON: () => undefined }, { toJSON: () => 5 }])(
    'an answer that is not JSON is refused by name: %#',
    (result) => {
      expect(refusal(() => stored({ result }))).toMatch(/^a grant's result must be/);
    },
  );
});

describe('receivedToken', () => {
  function received(fields: object) {
    return receivedToken({ value: VALUE, expiresInSeconds: 7_200, ...fields } as Grant, stored({}));
  }

  test('a grant may have no refresh token', () => {
    expect(received({})).toBeUndefined();
  });

  test('a refresh token may come without an end', () => {
    expect(received({ refreshToken: 'r' })).toEqual({ value: 'r', expiresAt: undefined });
  });

  test.each([
    [1, 1_000],
    ['86400', 86_400_000],
    [315_360_000, 315_360_000_000],
  ])('a refresh token of %j s ends that long after the request', (refreshTokenExpiresInSeconds, expected) => {
    expect(received({ refreshToken: 'r', refreshTokenExpiresInSeconds })?.expiresAt).toBe(ASKED + expected);
  });

  test.each([
    ['', '0 characters'],
    [7, 'a number'],
    [null, 'null'],
    [{ CANARY: 'CANARY' }, 'an object'],
    ['CANARY'.repeat(3_000), '18000 characters'],
  ])('a refresh token that is %j is rejected', (refreshToken, got) => {
    expect(refusal(() => received({ refreshToken }))).toBe(
      `a grant's refreshToken must be a string of 1 to 16384 characters, got ${got}`,
    );
  });

  test('a lifetime without a refresh token is rejected', () => {
    expect(refusal(() => received({ refreshTokenExpiresInSeconds: 5 }))).toMatch(/^a grant's refreshToken must be/);
  });

  test.each([0, 0.9, -1, 315_360_001, Number.NaN, 'CANARY'])(
    'a refresh token with a lifetime of %j s is rejected',
    (life) => {
      expect(refusal(() => received({ refreshToken: 'r', refreshTokenExpiresInSeconds: life }))).toMatch(
        /^a grant's refreshTokenExpiresInSeconds must be 1 to 315360000, got /,
      );
    },
  );

  test('the longest refresh token is accepted', () => {
    expect(received({ refreshToken: 'r'.repeat(16_384) })?.value).toHaveLength(16_384);
  });
});

test('the refresh token of a grant whose getter throws is left out, and what it throws is not passed on', () => {
  const grant = {
    value: 'v',
    expiresInSeconds: 7_200,
    get refreshToken(): string {
      throw new Error('CANARY');
    },
  };
  expect(savedToken(grant, 1)).toBeUndefined();
});

test.each<[unknown, string]>([
  [new Map([['CANARY', 1]]), "a grant's result must be an object with fields of its own, got an instance of a class"],
  [Promise.resolve({ CANARY: 1 }), "a grant's result must be an object with fields of its own, got an instance"],
  [{ user: Promise.resolve('CANARY') }, 'a grant\'s result must be JSON, but "user" is an instance of a class without'],
])('an answer of which nothing would be stored is rejected: %#', (result, message) => {
  expect(refusal(() => stored({ result }))).toContain(message);
});

test('an answer is stored as JSON has it where JSON leaves something out', () => {
  expect(stored({ result: { at: new Date(0), f: () => 1, n: Number.NaN } }).result).toEqual({
    at: '1970-01-01T00:00:00.000Z',
    n: null,
  });
});

test.each([
  [-7_199, 'accepted'],
  [-7_200, 'a grant must not have expired already'],
  [-7_201, 'a grant must not have expired already'],
])('a grant obtained %i s before now, for 7,200 s, is: %s', (secondsAgo, expected) => {
  expect(refusal(() => stored({ obtainedAt: NOW + secondsAgo * 1_000 }))).toBe(expected);
});

describe('the scope of a grant', () => {
  test.each(['', 'snsapi_base,snsapi_userinfo', 'x'.repeat(4_096)])('a scope of that length is stored: %#', (scope) => {
    expect(stored({ scope }).scope).toBe(scope);
  });

  test('a grant without a scope is stored without one', () => {
    expect(stored({})).not.toHaveProperty('scope');
  });

  test.each([
    ['CANARY'.padEnd(4_097), '4097 characters'],
    [['CANARY'], 'an array'],
    [null, 'null'],
  ])('a scope that is not valid is rejected, and described as %2$s: %#', (scope, got) => {
    expect(refusal(() => stored({ scope }))).toBe(
      `a grant's scope must be a string of at most 4096 characters, got ${got}`,
    );
  });
});

describe('a field that is not valid is named as in the answer of WeChat', () => {
  const fieldNames = { value: 'ticket', expiresInSeconds: 'expires_in' };
  const LIFE_SECONDS = 'must be 1 to 31536000';

  test.each<[string, object, string]>([
    ['a missing value', { value: undefined, result: { expires_in: 7_200 } }, 'ticket is missing'],
    ['an empty value', { value: '', result: { ticket: '' } }, 'ticket is an empty string'],
    [
      'a missing lifetime',
      { expiresInSeconds: undefined, result: { ticket: 'CANARY' } },
      `expires_in is missing, and ${LIFE_SECONDS} seconds`,
    ],
    [
      'a lifetime of 0',
      { expiresInSeconds: 0, result: { expires_in: 0 } },
      `expires_in is 0, and ${LIFE_SECONDS} seconds`,
    ],
    [
      'a lifetime of an answer that is no object',
      { expiresInSeconds: 0, result: 'CANARY' },
      `a grant's expiresInSeconds ${LIFE_SECONDS}, got 0`,
    ],
    [
      'a value of an answer that is absent',
      { value: '' },
      "a grant's value must be a non-empty string, got an empty string",
    ],
  ])('%s', (_name, fields, message) => {
    expect(refusal(() => stored({ fieldNames, ...fields }))).toBe(message);
  });

  test.each([undefined, {}, { value: 'ticket' }, { expiresInSeconds: 7 }])(
    'a lifetime has the name that it has in a grant if its name in the answer is unknown: %j',
    (names) => {
      const given = { fieldNames: names, expiresInSeconds: 0, result: { expires_in: 0, undefined: 5, 7: 5 } };
      expect(refusal(() => stored(given))).toBe(`a grant's expiresInSeconds ${LIFE_SECONDS}, got 0`);
    },
  );
});

describe('the refresh token of a grant that is otherwise unusable', () => {
  const saved = (fields: object) => savedToken({ expiresInSeconds: -1, ...fields }, ASKED);

  test('the refresh token of an unusable grant is saved with its end, counted from the request', () => {
    const fields = { refreshToken: 'r', refreshTokenExpiresInSeconds: 60 };
    expect(saved(fields)).toEqual({ value: 'r', expiresAt: ASKED + 60_000 });
    expect(saved({ refreshToken: 'r' })).toEqual({ value: 'r', expiresAt: undefined });
  });

  test('the refresh token of an unusable grant is saved without an end where its lifetime is not valid', () => {
    const fields = { refreshToken: 'r', refreshTokenExpiresInSeconds: -1 };
    expect(saved(fields)).toEqual({ value: 'r', expiresAt: undefined });
  });

  test.each([undefined, '', 5, 'x'.repeat(16_385)])(
    'a refresh token that is not valid is not saved: %#',
    (refreshToken) => {
      expect(saved({ refreshToken, refreshTokenExpiresInSeconds: 60 })).toBeUndefined();
    },
  );
});
