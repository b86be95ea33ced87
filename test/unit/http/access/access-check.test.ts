import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AccessCheck, type AccessOptions, type Caller } from '../../../../src/http/access/access-check.js';
import { Admission } from '../../../../src/http/access/admission.js';
import { createApiKey, type Scope } from '../../../../src/http/access/api-key.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

const clock = new FakeClock();
const reader = createApiKey({ scopes: ['read'] });
const limited = createApiKey({ scopes: ['read', 'refresh', 'register'], appids: ['wx-a'], perSecond: 2 });
const keys = [reader.entry, limited.entry];

/** A request as a program sends it that is no browser. */
function callerOf(given: Partial<Caller> = {}): Caller {
  return {
    authorization: undefined,
    peer: '203.0.113.9',
    host: 'tokens.test',
    isCallback: false,
    header: () => undefined,
    ...given,
  };
}

/** 200 for what a caller may do, else the status of the refusal. */
function statusOf(options: Partial<AccessOptions>, caller: Partial<Caller>, scope: Scope, appid = 'wx-a'): number {
  const check = new AccessCheck({ clock: new FakeClock(), ...options });
  const admitted = check.admit(callerOf(caller), true);
  const refusal = admitted instanceof Admission ? admitted.refusal(scope, appid) : admitted;
  return refusal?.status ?? 200;
}

const bearer = (key: string): Partial<Caller> => ({ authorization: `Bearer ${key}` });
const basic = (user: string, password: string): Partial<Caller> => {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
};

describe('keys', () => {
  test.each([
    ['as Bearer', bearer(reader.key), 200],
    ['as bearer', { authorization: `bearer ${reader.key}` }, 200],
    ['as the password of Basic', basic('any', reader.key), 200],
    ['as the password of Basic without a user', basic('', reader.key), 200],
    ['as the user of Basic', basic(reader.key, ''), 401],
    ['that is not known', bearer('wtm_00000000_x'), 401],
    ['that lacks its last character', bearer(reader.key.slice(0, -1)), 401],
    ['that is the hash', bearer(reader.entry.hash), 401],
    ['of another scheme', { authorization: `Digest ${reader.key}` }, 401],
    ['without a scheme', { authorization: reader.key }, 401],
    ['that is empty', { authorization: 'Bearer ' }, 401],
    ['that is not there', {}, 401],
  ])('the access check accepts or rejects a key %s', (_, caller, status) => {
    expect(statusOf({ keys }, caller, 'read')).toBe(status);
  });

  test.each([
    ['read', 'wx-a', 200],
    ['read', 'wx-b', 403],
    ['refresh', 'wx-a', 200],
    ['register', 'wx-b', 403],
  ] as const)('a key for one app that asks to %s %s gets %i', (scope, appid, status) => {
    expect(statusOf({ keys }, bearer(limited.key), scope, appid)).toBe(status);
  });

  test.each([
    ['read', 200],
    ['refresh', 403],
    ['register', 403],
  ] as const)('a key with the scope read that asks to %s gets %i', (scope, status) => {
    expect(statusOf({ keys }, bearer(reader.key), scope)).toBe(status);
  });

  test('a key past its limit of two requests a second gets 429 with the time of the next', () => {
    const check = new AccessCheck({ keys, clock });
    const ask = (): unknown => check.admit(callerOf({ ...bearer(limited.key), peer: undefined }), true);
    expect([ask(), ask()]).toEqual([expect.any(Admission), expect.any(Admission)]);
    expect(ask()).toMatchObject({ status: 429, retryAfterSeconds: 1 });
  });
});

describe('trusted peers', () => {
  const trust = ['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::1', '::ffff:198.51.100.0/120'];

  test.each([
    ['10.0.0.0', 200],
    ['10.255.255.255', 200],
    ['9.255.255.255', 401],
    ['11.0.0.0', 401],
    ['192.0.2.7', 200],
    ['192.0.2.8', 401],
    ['::ffff:10.1.2.3', 200],
    ['::ffff:9.1.2.3', 401],
    ['fdff::1', 200],
    ['fe00::1', 401],
    ['::1', 200],
    ['::2', 401],
    ['198.51.100.255', 200],
    ['198.51.101.0', 401],
    ['', 401],
    ['nonsense', 401],
    [undefined, 401],
  ])('the peer %s without a key gets %s', (peer, status) => {
    expect(statusOf({ trust }, { peer }, 'read')).toBe(status);
  });

  test('a trusted peer may read and register, but not refresh', () => {
    const of = (scope: Scope): number => statusOf({ trust }, { peer: '::1' }, scope);
    expect([of('read'), of('register'), of('refresh')]).toEqual([200, 200, 403]);
  });

  test('a wrong key is rejected from a trusted peer too', () => {
    expect(statusOf({ keys, trust }, { ...bearer('wrong'), peer: '::1' }, 'read')).toBe(401);
  });

  test.each([
    ['x'],
    ['10.0.0.0/33'],
    ['10.0.0.0/-1'],
    ['10.0.0.0/'],
    ['::/129'],
    ['10.1'],
    ['::ffff:1.2.3.0/95'],
    ['1.2.3.4/1/2'],
    [7],
  ])('the trust entry %s is rejected', (entry) => {
    expect(() => new AccessCheck({ trust: [entry as string], clock })).toThrow(/^trust must contain addresses/);
  });
});

test.each([{}, { trust: [] }, { anonymous: false }])('options that admit no client, %j, are rejected', (options) => {
  expect(() => new AccessCheck({ ...options, clock })).toThrow('createHandler needs one of keys, trust and anonymous');
});

test('anonymous gives every scope to a client without a key', () => {
  for (const scope of ['read', 'refresh', 'register'] as const)
    expect(statusOf({ anonymous: true }, {}, scope)).toBe(200);
});

test.each([
  [7, 'keys must be an array, got a number'],
  [[7], 'keys[0] must be an object, got a number'],
  [[{ ...reader.entry, id: 'x' }], 'keys[0].id must be 8 characters of a-z 0-9'],
  [[{ ...reader.entry, hash: reader.key }], 'keys[0].hash must be the SHA-256 of a key, 64 lower-case hex digits'],
  [[{ ...reader.entry, scopes: [] }], 'keys[0].scopes must be an array of read, refresh, register, call'],
  [
    [{ ...reader.entry, scopes: ['write'] }],
    'keys[0].scopes: unknown scope "write", expected one of read, refresh, register, call',
  ],
  [[{ ...reader.entry, appids: 'wx-a' }], 'keys[0].appids must be an array, got a string'],
  [[{ ...reader.entry, appids: ['../'] }], 'appid must be 1 to 64 characters'],
  [[{ ...reader.entry, perSecond: 0 }], 'keys[0].perSecond must be a number from 0.01 to 1000000, got 0'],
  [[{ ...reader.entry, scope: 'read' }], 'keys[0]: unknown name "scope", expected one of id, hash, scopes'],
  [[reader.entry, reader.entry], `keys: the id ${reader.entry.id} occurs twice`],
])('malformed keys are rejected with an error that shows no key', (wrong, message) => {
  let thrown = '';
  try {
    new AccessCheck({ keys: wrong as never, clock });
  } catch (error) {
    thrown = (error as Error).message;
  }
  expect(thrown).toContain(message);
  expect(thrown).not.toContain(reader.key);
});

test('an arbitrary Authorization header is rejected with 401 and never throws', () => {
  const check = new AccessCheck({ keys, clock });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `Basic ${text}`),
        fc.base64String().map((text) => `Basic ${text}`),
      ),
      (authorization) => {
        expect(check.admit(callerOf({ authorization }), true)).toMatchObject({ status: 401 });
      },
    ),
  );
});
