import { describe, expect, test } from 'vitest';
import type { RegistrationPlan, TaskPlan } from '../../../../src/core/model/registration.js';
import {
  appContent,
  dueContent,
  hasFailedBefore,
  scheduledDocuments,
  taskContent,
} from '../../../../src/core/registry/registration-content.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const ID = 'key/wx1/access_token';
const MESSAGE_KEY = 'CANARYkey'.padEnd(43, 'k');
const PUSH = { token: 'CANARY-push-token', keys: [MESSAGE_KEY], mode: 'encrypted' as const };

const app = (plan: object, before = {}): object =>
  appContent({ tasks: [], ...plan } as unknown as RegistrationPlan, before);
const task = (plan: object, before = {}): object => taskContent(plan as unknown as TaskPlan, before);

describe('the new content of an app', () => {
  test('an app keeps what a registration does not state, and fields of another release', () => {
    const before = { secret: 'old', accessToken: 'plain', later: 1 };
    expect(app({}, before)).toStrictEqual(before);
    expect(app({ secret: 'new' }, before)).toStrictEqual({ ...before, secret: 'new' });
    expect(app({ accessToken: 'stable' }, before)).toStrictEqual({ ...before, accessToken: 'stable' });
    expect(app({ secret: 'new', accessToken: 'stable' })).toStrictEqual({ secret: 'new', accessToken: 'stable' });
  });

  test('an app loses the settings of its pushes to null, and keeps them otherwise', () => {
    const before = app({ secret: 's', push: PUSH }) as { push: object };
    expect(before.push).toMatchObject({ token: PUSH.token, mode: 'encrypted' });
    expect(app({ secret: 's' }, before)).toStrictEqual(before);
    expect(app({ push: null }, before)).toStrictEqual({ secret: 's' });
  });

  test('an app with a task of a third-party platform needs a message key', () => {
    const plain = { push: { token: PUSH.token, keys: undefined, mode: 'plain' } };
    const tasks = [{ key: { appid: 'wx1', type: 'component_access_token' } }];
    expect(app(plain)).toMatchObject({ push: { mode: 'plain' } });
    expect(() => app({ ...plain, tasks })).toThrow(TypeError);
    expect(() => app({ ...plain, tasks })).toThrow('push.encodingAesKey is required for a third-party platform');
    expect(() => app({ push: PUSH, tasks })).not.toThrow();
  });
});

describe('the new content of a task', () => {
  const BEFORE = { params: { a: 1 }, notify: 'https://example.com/old', enrolment: 't', later: 1 };
  const KEPT = { enrolment: 't', later: 1 };

  test.each<[string, object, object]>([
    ['nothing', {}, KEPT],
    ['params', { params: { b: 2 } }, { ...KEPT, params: { b: 2 } }],
    [
      'a URL for its params',
      { params: 'https://example.com/params' },
      { ...KEPT, params: 'https://example.com/params' },
    ],
    ['a params function', { params: () => ({}) }, { ...KEPT, paramsFunction: true }],
    ['a URL to notify', { notify: 'https://example.com/new' }, { ...KEPT, notify: 'https://example.com/new' }],
  ])('a task that is registered with %s has that, and fields of another release', (_, plan, expected) => {
    expect(task(plan, BEFORE)).toStrictEqual(expected);
    expect(task(plan, { ...KEPT, paramsFunction: true })).toStrictEqual(expected);
  });
});

describe('documents in the schedule', () => {
  test('a task has a due in the document of its key, and in that of its deliveries if it has a URL to notify', () => {
    const subject = { ...KEY, subject: 's' };
    const documents = scheduledDocuments([
      { key: KEY, notify: undefined },
      { key: subject, notify: 'https://example.com' },
    ]);
    expect(documents).toEqual([
      { id: ID, lane: 'access_token', taskId: 'task/wx1/access_token' },
      { id: `${ID}/s`, lane: 'access_token', taskId: 'task/wx1/access_token/s' },
      { id: 'delivery/wx1/access_token/s', lane: 'deliver', taskId: 'task/wx1/access_token/s' },
    ]);
  });

  const due = { lane: 'access_token', at: 5 };

  test.each([
    [undefined, false, true],
    [undefined, true, true],
    [{ lane: 'access_token', at: 9 }, false, false],
    [{ lane: 'access_token', at: 9 }, true, true],
  ])('a document with the due %j, whose task has changed: %s, is written: %s', (before, isTaskChanged, differs) => {
    const stored = { id: ID, version: 3, data: seal(ID, {}), ...(before === undefined ? {} : { due: before }) };
    expect(dueContent(ID, stored, due, isTaskChanged)).toEqual({ data: stored.data, due, differs });
  });

  test('a document that is missing is written empty, with its due', () => {
    const { data, differs } = dueContent(ID, undefined, due, false);
    expect([unseal({ id: ID, version: 1, data }), differs]).toEqual([{}, true]);
  });

  test('a record keeps its version when its document is written again for its due', () => {
    const data = seal(ID, { grant: { value: 'CANARY' } });
    const written = dueContent(ID, { id: ID, version: 3, data }, due, true).data;
    expect(unseal({ id: ID, version: 4, data: written })).toEqual({ grant: { value: 'CANARY' }, recordVersion: 3 });
    expect(dueContent(ID, { id: ID, version: 4, data: written }, due, true).data).toBe(written);
  });

  test('a damaged document is written again as it is', () => {
    const data = { ...seal(ID, {}), grant: { value: 'CANARY' } };
    expect(dueContent(ID, { id: ID, version: 3, data }, due, true).data).toBe(data);
  });
});

test.each<[unknown, boolean]>([
  [undefined, false],
  ['failed', false],
  [{ registration: 5 }, false],
  [{ registration: '1:2' }, false],
  [{ registration: '1:2:7' }, false],
  [{ registration: '1:3' }, true],
  [{ registration: '1:22' }, true],
])('whether the failure %j is of another registration than the one with the versions 1:2: %s', (trying, expected) => {
  const data = trying === undefined ? {} : { trying };
  expect(hasFailedBefore({ id: ID, version: 3, data: data as object } as never, '1:2')).toBe(expected);
  expect(hasFailedBefore(undefined, '1:2')).toBe(false);
});
