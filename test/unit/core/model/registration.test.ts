import { describe, expect, test } from 'vitest';
import { planRegistration } from '../../../../src/core/model/registration.js';
import { everythingShown } from '../../wechat/failure.js';

const SECRET = 'CANARY-secret';
const TYPES = ['access_token', 'jsapi_ticket', '__proto__'];

function assertType(type: unknown): void {
  if (!TYPES.includes(type as string)) throw new TypeError('type must be one of ...');
}

function plan(input: unknown) {
  return planRegistration(input, assertType);
}

const circular: Record<string, unknown> = { refresh_token: SECRET };
circular['self'] = circular;

const task = (fields: object) => ({ appid: 'wx1', secret: SECRET, tasks: [{ type: 'access_token', ...fields }] });

describe('registrations that are rejected', () => {
  test.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /^register takes an object with an appid, got undefined$/],
    ['a string', SECRET, /^register takes an object with an appid, got a string$/],
    ['a list', [SECRET], /^register takes an object with an appid, got an array$/],
    [
      'an unknown name',
      { appid: 'wx1', task: [SECRET] },
      /^a registration: unknown name "task", expected one of appid, secret, accessToken, push, tasks$/,
    ],
    [
      'an unknown name in a task',
      task({ param: SECRET }),
      /^a task: unknown name "param", expected one of type, subject, params, notify$/,
    ],
    ['no appid', { secret: SECRET }, /^appid .* got undefined$/],
    ['an empty appid', { appid: '', secret: SECRET }, /^appid .* got ""$/],
    ['an appid of 300 characters', { appid: 'x'.repeat(300), secret: SECRET }, /^appid .*\(300 characters\)$/],
    ['an appid with a newline', { appid: 'a\n', secret: SECRET }, /^appid .* got "a\\n"$/],
    ['an appid with a NUL', { appid: 'a\0b', secret: SECRET }, /^appid .* got "a\\u0000b"$/],
    ['an appid that is a number', { appid: 5, secret: SECRET }, /^appid .* got 5$/],
    ['an own secret that is undefined', { appid: 'wx1', secret: undefined }, /^secret .* got undefined$/],
    ['an empty secret', { appid: 'wx1', secret: '' }, /^secret .* got an empty string$/],
    ['a secret that is null', { appid: 'wx1', secret: null }, /^secret .* got null$/],
    ['a secret that is a number', { appid: 'wx1', secret: 5 }, /^secret .* got a number$/],
    ['a secret of 4097 characters', { appid: 'wx1', secret: SECRET.padEnd(4_097) }, /^secret .* got 4097 characters$/],
    ['an odd mode', { appid: 'wx1', secret: SECRET, accessToken: 'fast' }, /^accessToken must be .* got "fast"$/],
    ['a mode that is null', { appid: 'wx1', secret: SECRET, accessToken: null }, /^accessToken must be .* got null$/],
    ['tasks that are no list', { appid: 'wx1', secret: SECRET, tasks: 'x' }, /^tasks must be an array, got a string$/],
    ['tasks that are null', { appid: 'wx1', secret: SECRET, tasks: null }, /^tasks must be an array, got null$/],
    ['an unknown type', { appid: 'wx1', secret: SECRET, tasks: ['x'] }, /^type must be one of/],
    ['an unknown type of an object', task({ type: 'x' }), /^type must be one of/],
    ['a task that is null', { appid: 'wx1', secret: SECRET, tasks: [null] }, /^type must be one of/],
    ['a task that is a list', { appid: 'wx1', secret: SECRET, tasks: [['access_token']] }, /^type must be one of/],
    ['an empty subject', task({ subject: '' }), /^subject .* got ""$/],
    ['a subject that is null', task({ subject: null }), /^subject .* got null$/],
    ['a subject of 129 characters', task({ subject: 'x'.repeat(129) }), /^subject .*\(129 characters\)$/],
    [
      'a URL for params',
      task({ params: `https://x/?${SECRET}` }),
      /^params can be a URL only if callbacks are attached/,
    ],
    ['params that are null', task({ params: null }), /^params must be an object, a function or a URL, got null$/],
    [
      'params that are a list',
      task({ params: [SECRET] }),
      /^params must be an object, a function or a URL, got an array$/,
    ],
    ['circular params', task({ params: circular }), /^params must be .*JSON$/],
    ['params with a bigint', task({ params: { refresh_token: SECRET, n: 5n } }), /^params must be .*JSON$/],
    [
      'params that are too large',
      task({ params: { a: 'x'.repeat(65_529) } }),
      /^params must be at most 65536 .* got 65537$/,
    ],
    ['notify', task({ notify: `https://x/${SECRET}` }), /^notify can be a URL only if callbacks are attached/],
    ['notify that is null', task({ notify: null }), /^notify must be a URL, got null$/],
  ])('%s is rejected with a TypeError that names the field and shows no secret', (_, input, message) => {
    try {
      plan(input);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toMatch(message);
      expect(everythingShown(error)).not.toContain('CANARY');
      return;
    }
    expect.fail('was accepted');
  });

  // The mode's name invites a token as its value, and up to 40 characters of what came are shown.
  test('a token in the place of the mode is not shown', () => {
    try {
      plan({ appid: 'wx1', accessToken: 'CANARY-an-access-token' });
    } catch (error) {
      expect((error as Error).message).not.toContain('CANARY');
    }
  });

  test('params whose JSON is no object are rejected', () => {
    expect(() => plan(task({ params: new Date(0) }))).toThrow(/^params must be/);
    expect(() => plan(task({ params: { toJSON: () => undefined } }))).toThrow(/^params must be/);
  });

  test('an inherited secret that is empty is rejected', () => {
    expect(() => plan(Object.assign(Object.create({ secret: '' }), { appid: 'wx1' }))).toThrow(/^secret must be/);
  });
});

describe('a registration plan', () => {
  test('a plan has everything that was given', () => {
    const params = { refresh_token: 'r', deep: { list: [1] } };
    const asked = plan({
      appid: 'wx1',
      secret: SECRET,
      accessToken: 'plain',
      tasks: ['access_token', { type: 'jsapi_ticket', subject: 'o1', params, notify: undefined }],
    });
    expect(asked).toEqual({
      appid: 'wx1',
      secret: SECRET,
      accessToken: 'plain',
      tasks: [
        { key: { appid: 'wx1', type: 'access_token' }, params: undefined, notify: undefined },
        { key: { appid: 'wx1', type: 'jsapi_ticket', subject: 'o1' }, params, notify: undefined },
      ],
    });
    params.deep.list.push(2);
    expect(asked.tasks[1]?.params).toEqual({ refresh_token: 'r', deep: { list: [1] } });
  });

  test('a plan has nothing that was not given', () => {
    expect(plan({ appid: 'wx1' })).toEqual({ appid: 'wx1', secret: undefined, accessToken: undefined, tasks: [] });
  });

  test.each([1, 4_096])('a plan takes a secret of %i characters', (length) => {
    expect(plan({ appid: 'wx1', secret: 'x'.repeat(length) }).secret).toHaveLength(length);
  });

  test('a plan takes params of 65536 characters, and a function as it is', () => {
    const params = { a: 'x'.repeat(65_528) };
    const given = () => ({});
    expect(plan(task({ params })).tasks[0]?.params).toEqual(params);
    expect(plan(task({ params: given })).tasks[0]?.params).toBe(given);
  });

  test.each(['stable', 'plain'])('a plan takes the mode %s', (accessToken) => {
    expect(plan({ appid: 'wx1', accessToken }).accessToken).toBe(accessToken);
  });

  test('__proto__ and constructor are names like any other', () => {
    const { appid, tasks } = plan({ appid: 'constructor', tasks: ['__proto__'] });
    expect([appid, tasks[0]?.key]).toEqual(['constructor', { appid: 'constructor', type: '__proto__' }]);
    const params = JSON.parse('{"__proto__": {"a": 1}}');
    expect(Object.keys(plan(task({ params })).tasks[0]?.params as object)).toEqual(['__proto__']);
  });
});

describe('input that would be stored as something else', () => {
  const plan = (input: object) => planRegistration({ appid: 'wx1', ...input }, () => {});

  test.each([
    ['a promise', Promise.resolve({ refresh_token: 'CANARY' })],
    ['a Map', new Map([['refresh_token', 'CANARY']])],
    ['a Set', new Set(['CANARY'])],
  ])('params that are %s are a TypeError', (_, params) => {
    expect(() => plan({ tasks: [{ type: 't', params }] })).toThrow(
      'params must be an object with fields of its own, got an instance of a class without any',
    );
  });

  test.each([{}, Object.create(null), { a: new Date(0) }])(
    'params that are a plain object are accepted: %#',
    (params) => {
      expect(() => plan({ tasks: [{ type: 't', params }] })).not.toThrow();
    },
  );

  test('tasks with a hole are a TypeError, because the missing task would go unnoticed', () => {
    const tasks = ['t', 't'];
    delete tasks[0];
    expect(() => plan({ tasks })).toThrow(new TypeError('tasks must be an array without holes'));
  });

  test('a secret with a line feed at its end is a TypeError that does not show it', () => {
    expect(() => plan({ secret: 'CANARY\n' })).toThrow(new TypeError('secret must not end with white space (U+000A)'));
  });
});
