import { describe, expect, test } from 'vitest';
import type { TokenKey } from '../../../../src/core/model/token-key.js';
import {
  appFrom,
  contentOf,
  credentialsOf,
  taskFrom,
  unsealTask,
} from '../../../../src/core/registry/registration-document.js';
import type { RegisteredTask } from '../../../../src/core/registry/task-entry.js';
import { DamagedDocument, seal } from '../../../../src/core/store/document-codec.js';

const KEY: TokenKey = { appid: 'wx1', type: 'access_token' };
const NONE = { secret: undefined, accessToken: undefined, push: undefined, enrolment: undefined };

describe('a registered app', () => {
  test.each<[object, object]>([
    [{}, {}],
    [{ secret: 's' }, { secret: 's' }],
    [{ secret: 5 }, {}],
    [{ accessToken: 'plain' }, { accessToken: 'plain' }],
    [
      { accessToken: 'stable', enrolment: 'a' },
      { accessToken: 'stable', enrolment: 'a' },
    ],
    [{ accessToken: 'other' }, {}],
  ])('an app is read from its content %j', (content, expected) => {
    expect(appFrom('wx1', { ...content }, 3)).toStrictEqual({ appid: 'wx1', version: 3, ...NONE, ...expected });
  });

  test('the content of an app is what the app is read from', () => {
    const push = { token: 'CANARY-token', keys: ['CANARYkey'.padEnd(43, 'k')], mode: 'encrypted' as const };
    const app = { appid: 'wx1', secret: 's', accessToken: 'plain' as const, push, enrolment: 'a', version: 3 };
    expect(appFrom('wx1', contentOf(app), 3)).toStrictEqual(app);
    expect(contentOf({ appid: 'wx1', version: 3, ...NONE })).toStrictEqual({});
  });

  test('the credentials of an app name the kind of its access token, or the default', () => {
    const app = { appid: 'wx1', version: 3, ...NONE };
    expect(credentialsOf({ ...app, secret: 's' }, 'stable')).toEqual({
      appid: 'wx1',
      secret: 's',
      accessToken: 'stable',
    });
    expect(credentialsOf({ ...app, accessToken: 'plain' }, 'stable').accessToken).toBe('plain');
  });
});

describe('a registered task', () => {
  const task = {
    key: KEY,
    params: undefined,
    notify: undefined,
    functionMissing: false,
    enrolment: undefined,
    version: 3,
  };
  const ask = (): object => ({});
  const known = { ...task, params: ask } as unknown as RegisteredTask;

  test.each<[object, object]>([
    [{}, {}],
    [
      { params: { a: 1 }, enrolment: 't' },
      { params: { a: 1 }, enrolment: 't' },
    ],
    [{ params: 'https://example.com' }, { params: 'https://example.com' }],
    [{ params: 5 }, {}],
    [{ notify: 'https://example.com' }, { notify: 'https://example.com' }],
    [{ notify: 5 }, {}],
    [{ paramsFunction: false, params: { a: 1 } }, { params: { a: 1 } }],
  ])('a task is read from its content %j', (content, expected) => {
    expect(taskFrom(KEY, { ...content }, 3, known)).toStrictEqual({ ...task, ...expected });
  });

  test('a task with a params function has the one that this process knows, or lacks it', () => {
    const content = { paramsFunction: true, notify: 'https://example.com', enrolment: 't' };
    const read = { ...task, notify: 'https://example.com', enrolment: 't' };
    expect(taskFrom(KEY, content, 3, known)).toStrictEqual({ ...read, params: ask });
    const lacking = { ...read, functionMissing: true };
    expect(taskFrom(KEY, content, 3, undefined)).toStrictEqual(lacking);
    expect(taskFrom(KEY, content, 3, { ...task, params: { a: 1 } })).toStrictEqual(lacking);
  });

  test('a task is read from its document, which may be absent or damaged', () => {
    const id = 'task/wx1/access_token';
    const data = seal(id, { params: { a: 1 } });
    expect(unsealTask(KEY, { id, version: 3, data }, undefined)).toStrictEqual({ ...task, params: { a: 1 } });
    expect(unsealTask(KEY, undefined, known)).toBeUndefined();
    expect(() => unsealTask(KEY, { id, version: 3, data: { ...data, params: {} } }, undefined)).toThrow(
      DamagedDocument,
    );
  });
});
