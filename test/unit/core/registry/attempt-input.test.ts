import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import type { Fingerprint } from '../../../../src/core/records/fingerprint.js';
import { fingerprintOf, paramsHashOf } from '../../../../src/core/registry/attempt-input.js';

const KEY = { appid: 'wx1', type: 'access_token' };

type Registry = Parameters<typeof fingerprintOf>[1];

function registryWith(params: unknown, secret = 'secret', version = 1): Registry {
  return {
    app: () => ({ secret }),
    task: () => ({ params }),
    fingerprint: () => `${version}:1`,
  } as unknown as Registry;
}

const taken = (params: unknown, value?: string): Fingerprint =>
  fingerprintOf(KEY, registryWith(params), [{ version: 1, value }]);

/** Params that count how often their names are read. */
function countedParams(): { readonly params: JsonObject; readonly reads: () => number } {
  let reads = 0;
  const params = new Proxy<JsonObject>(
    { code: 'a' },
    {
      ownKeys(target) {
        reads += 1;
        return Reflect.ownKeys(target);
      },
    },
  );
  return { params, reads: () => reads };
}

describe('two fingerprints', () => {
  test.each<[string, () => Fingerprint, () => Fingerprint]>([
    ['of equal params', () => taken({ a: 1, b: 2 }), () => taken({ b: 2, a: 1 })],
    ['of two functions', () => taken(() => ({})), () => taken(() => ({}))],
    ['of one pushed value', () => taken({}, 'ticket'), () => taken({}, 'ticket')],
    [
      'of another version of the app',
      () => taken({}),
      () => fingerprintOf(KEY, registryWith({}, 'secret', 2), [{ version: 2, value: undefined }]),
    ],
  ])('two fingerprints %s have the same input', (_, takeLeft, takeRight) => {
    const [left, right] = [takeLeft(), takeRight()];
    expect(left.hasSameInput(right)).toBe(true);
    expect(left.input).toBe(right.input);
  });

  test.each<[string, () => Fingerprint, () => Fingerprint]>([
    ['of other params', () => taken({ a: 1 }), () => taken({ a: 2 })],
    ['of no params and of a function', () => taken(undefined), () => taken(() => ({}))],
    ['of another pushed value', () => taken({}, 'ticket'), () => taken({}, 'other')],
    ['of more pushed values', () => taken({}, 'ticket'), () => fingerprintOf(KEY, registryWith({}), [])],
    [
      'of another secret',
      () => taken({}),
      () => fingerprintOf(KEY, registryWith({}, 'other'), [{ version: 1, value: undefined }]),
    ],
  ])('two fingerprints %s have different inputs', (_, takeLeft, takeRight) => {
    const [left, right] = [takeLeft(), takeRight()];
    expect(left.hasSameInput(right)).toBe(false);
    expect(left.input).not.toBe(right.input);
  });
});

test('the input is hashed once, and not before it is requested', () => {
  const { params, reads } = countedParams();
  const fingerprint = taken(params);
  expect(fingerprint.hasSameInput(taken(params))).toBe(true);
  expect(reads()).toBe(0);
  const { input } = fingerprint;
  expect([fingerprint.input, reads()]).toEqual([input, 1]);
});

test('the hash is the one that earlier releases have stored', () => {
  expect(taken({ code: 'a' }, 'ticket').input).toBe('9dd995ca9e5f6df8');
});

test('a task whose function is in another process has the input of a function', () => {
  const elsewhere = { ...registryWith(undefined), task: () => ({ functionMissing: true }) } as unknown as Registry;
  const isHere = fingerprintOf(
    KEY,
    registryWith(() => ({})),
    [],
  );
  expect(fingerprintOf(KEY, elsewhere, []).input).toBe(isHere.input);
});

test('a fingerprint names the registration by the versions of the app, the task and the pushed tokens', () => {
  const pushed = [3, 7].map((version) => ({ version, value: undefined }));
  expect(fingerprintOf(KEY, registryWith({}), pushed).registration).toBe('1:1:3:7');
});

test('an app whose document is unreadable has the input of an app that is absent', () => {
  const withApp = (app: () => unknown): Registry => ({ ...registryWith({}), app }) as unknown as Registry;
  const unreadable = withApp(() => {
    throw new Error('damaged');
  });
  const input = fingerprintOf(
    KEY,
    withApp(() => undefined),
    [],
  ).input;
  expect(fingerprintOf(KEY, unreadable, []).input).toBe(input);
});

test('a token that an app brings itself is part of the input', () => {
  const inputWith = (accessToken: string): string =>
    fingerprintOf(KEY, { ...registryWith({}), app: () => ({ accessToken }) } as unknown as Registry, []).input;
  expect(inputWith('a')).not.toBe(inputWith('b'));
});

test('params have a hash unless they have to be requested', () => {
  expect(paramsHashOf({ code: 'a' })).toBe(paramsHashOf({ code: 'a' }));
  expect(paramsHashOf({ code: 'a' })).not.toBe(paramsHashOf({ code: 'b' }));
  expect([undefined, 'https://example.com/params', async () => ({})].map(paramsHashOf)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('a key without a task has the input of a task without params', () => {
  const alone = { ...registryWith(undefined), task: () => undefined } as unknown as Registry;
  expect(fingerprintOf(KEY, alone, []).input).toBe(fingerprintOf(KEY, registryWith(undefined), []).input);
});
