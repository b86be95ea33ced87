import { describe, expect, test } from 'vitest';
import { mergedPush, planPush, pushContent, pushFrom } from '../../../../../src/core/model/push/push-settings.js';
import { planRegistration } from '../../../../../src/core/model/registration.js';
import { everythingShown } from '../../../wechat/failure.js';

const TOKEN = 'CANARY-token';
const [NEW, OLD] = ['n'.repeat(43), 'o'.repeat(43)];

test.each<[string, unknown, object]>([
  ['a key', { token: TOKEN, encodingAesKey: NEW }, { token: TOKEN, keys: [NEW], mode: undefined }],
  ['two keys', { token: TOKEN, encodingAesKey: [NEW, OLD] }, { token: TOKEN, keys: [NEW, OLD], mode: undefined }],
  ['no key', { token: TOKEN, mode: 'plain' }, { token: TOKEN, keys: undefined, mode: 'plain' }],
  ['keys that are removed', { token: TOKEN, encodingAesKey: null }, { token: TOKEN, keys: [], mode: undefined }],
])('the settings of pushes are accepted with %s', (_case, push, plan) => {
  expect(planPush(push)).toEqual(plan);
});

test.each<[string, unknown, RegExp]>([
  ['that are a string', TOKEN, /^push must be an object, got a string$/],
  [
    'with an unknown name',
    { token: TOKEN, key: NEW },
    /^push: unknown name "key", expected one of token, encodingAesKey/,
  ],
  ['without a token', { encodingAesKey: NEW }, /^push.token must be .*, got undefined$/],
  ['with a token with a space', { token: 'CANARY token' }, /^push.token must be .*, got a string of 12 characters$/],
  ['with a token with a space at its end', { token: `${TOKEN} ` }, /^push.token must not end with white space/],
  ['with a token in quotes', { token: `"${TOKEN}"` }, /^push.token must not be in quotation marks$/],
  ['with a token of 65 characters', { token: TOKEN.padEnd(65, 'x') }, /got a string of 65 characters$/],
  [
    'with a key of 42 characters',
    { token: TOKEN, encodingAesKey: 'CANARY'.padEnd(42, 'x') },
    /a string of 42 characters$/,
  ],
  ['with a padded key', { token: TOKEN, encodingAesKey: `${NEW}=` }, /^push.encodingAesKey must be .* 44 characters$/],
  [
    'with a key twice',
    { token: TOKEN, encodingAesKey: [NEW, OLD, NEW] },
    /^push.encodingAesKey\[(1|2)\] must be another key, got that of push.encodingAesKey\[0\]$/,
  ],
  [
    'with a key in two spellings',
    { token: TOKEN, encodingAesKey: ['CANARY'.padEnd(43, 'A'), `${'CANARY'.padEnd(42, 'A')}B`] },
    /^push.encodingAesKey\[(1|2)\] must be another key, got that of push.encodingAesKey\[0\]$/,
  ],
  ['with five keys', { token: TOKEN, encodingAesKey: Array(5).fill(NEW) }, /must have at most 4 members, got 5$/],
  ['with an odd mode', { token: TOKEN, mode: 'safe' }, /^push.mode must be 'encrypted' or 'plain', got "safe"$/],
])('settings of pushes are rejected %s', (_case, push, message) => {
  let error: unknown;
  try {
    planPush(push);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toMatch(message);
  expect(everythingShown(error)).not.toContain('CANARY');
});

describe('what a registration leaves of the stored settings', () => {
  const stored = { token: 'old', keys: [OLD], mode: 'encrypted' } as const;

  test.each<[string, unknown, object]>([
    ['absent keys', { token: TOKEN }, { token: TOKEN, keys: [OLD], mode: 'encrypted' }],
    ['other keys', { token: TOKEN, encodingAesKey: [NEW, OLD] }, { token: TOKEN, keys: [NEW, OLD], mode: 'encrypted' }],
    ['removed keys', { token: TOKEN, encodingAesKey: null }, { token: TOKEN, keys: [], mode: 'plain' }],
  ])('%s', (_case, push, merged) => {
    const plan = planPush(push);
    expect(plan && mergedPush(plan, stored)).toEqual(merged);
  });

  test('without a key, pushes can only be plain', () => {
    expect(mergedPush({ token: TOKEN, keys: undefined, mode: undefined }, undefined).mode).toBe('plain');
    expect(() => mergedPush({ token: TOKEN, keys: [], mode: 'encrypted' }, stored)).toThrow(
      "push.encodingAesKey is required if push.mode is 'encrypted'",
    );
  });
});

test.each(['component_access_token', 'authorizer_access_token'])(
  'plain pushes are rejected for a third-party platform, which a task of %s belongs to',
  (type) => {
    const register = (push: object) => () => planRegistration({ appid: 'wx1', push, tasks: [type] }, () => {});
    expect(register({ token: TOKEN, mode: 'plain' })).toThrow(
      `push.mode must be 'encrypted' for a third-party platform, to which a task of type ${type} belongs`,
    );
    expect(register({ token: TOKEN, encodingAesKey: NEW })).not.toThrow();
  },
);

test('settings are read from a document as they were written', () => {
  const push = { token: TOKEN, keys: [NEW, OLD], mode: 'encrypted' } as const;
  expect(pushFrom(JSON.parse(JSON.stringify(pushContent(push))))).toEqual(push);
  expect(pushFrom(pushContent(undefined))).toBeUndefined();
});

test.each([
  {},
  { push: null },
  { push: 'x' },
  { push: { token: 1, keys: [], mode: 'plain' } },
  { push: { token: 'x' } },
])('a document without readable settings has none: %j', (content) => {
  expect(pushFrom(content)).toBeUndefined();
});
