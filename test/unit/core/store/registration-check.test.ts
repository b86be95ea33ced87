import { describe, expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import type { Registrations } from '../../../../src/core/model/registrations.js';
import type { Absence } from '../../../../src/core/store/absence.js';
import {
  checkRegistration,
  mayBeginAgain,
  type RegistrationState,
  reloadRegistration,
} from '../../../../src/core/store/registration-check.js';
import type { SupervisedStore } from '../../../../src/core/store/supervised-store.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const [APP, TASK] = ['app/wx1', 'task/wx1/access_token'];
const ENROLMENT = { app: 'a', task: 't', hadTask: true };

type Documents = Readonly<Record<string, string | undefined>>;

interface Scene {
  /** The marks of the documents at each read; the last ones stay. */
  readonly reads: readonly Documents[];
  readonly absence?: Absence;
  readonly awaited?: readonly string[];
  readonly toBeRemoved?: string;
  readonly error?: Error;
}

/** Returns a store that has documents with these marks, and what was asked of it. */
function storeWith({ reads, absence = 'deleted', awaited = [], toBeRemoved, error }: Scene) {
  const asked: string[][] = [];
  let looks = 0;
  const store = {
    get: async (ids: string[]) => {
      if (error !== undefined) throw error;
      const documents = reads[Math.min(asked.length, reads.length - 1)] as Documents;
      asked.push(ids);
      return ids.map((id) => (id in documents ? { id, version: 1, data: { enrolment: documents[id] } } : undefined));
    },
    judgeAbsence: async () => absence,
    isAwaited: (id: string) => awaited.includes(id),
    isToBeRemoved: (mark: string) => mark === toBeRemoved,
    lookAtHistory: async () => {
      looks += 1;
      return 0;
    },
  } as unknown as SupervisedStore;
  return { store, asked, looks: () => looks };
}

describe('the state of a registration', () => {
  test.each<[string, Scene, RegistrationState]>([
    ['that is still there', { reads: [{ [APP]: 'a', [TASK]: 't' }] }, 'same'],
    ['of an earlier release, without marks', { reads: [{ [APP]: undefined, [TASK]: undefined }] }, 'same'],
    ['that was made anew', { reads: [{ [APP]: 'a', [TASK]: 'u' }] }, 'anew'],
    ['of another app of the same name', { reads: [{ [APP]: 'b', [TASK]: 't' }] }, 'anew'],
    ['whose task is gone', { reads: [{ [APP]: 'a' }] }, 'gone'],
    ['whose app is gone', { reads: [{ [TASK]: 't' }] }, 'gone'],
    ['that is awaited', { reads: [{ [APP]: 'a' }], awaited: [TASK] }, 'awaited'],
    ['that is gone, while its app is awaited', { reads: [{}], awaited: [APP] }, 'gone'],
    ['that the store has lost', { reads: [{}], absence: 'lost' }, 'same'],
    ['that was put back meanwhile', { reads: [{}, { [APP]: 'a', [TASK]: 't' }] }, 'same'],
    ['that is to be removed', { reads: [{ [APP]: 'a', [TASK]: 't' }], toBeRemoved: 't' }, 'awaited'],
    ['whose store does not answer', { reads: [], error: new TokenError('STORE_UNAVAILABLE', 'no', {}) }, 'same'],
  ])('the state of a registration %s is known', async (_, scene, expected) => {
    expect(await checkRegistration(storeWith(scene).store, KEY, ENROLMENT)).toBe(expected);
  });

  test('a registration without a task is that of the app alone', async () => {
    const { store, asked } = storeWith({ reads: [{ [APP]: 'a' }] });
    expect(await checkRegistration(store, KEY, { app: 'a', hadTask: false })).toBe('same');
    expect(asked).toEqual([[APP]]);
  });

  test('a registration is read once more only if a part of it is missing and not lost', async () => {
    const reads = async (scene: Scene) => {
      const { store, asked } = storeWith(scene);
      await checkRegistration(store, KEY, ENROLMENT);
      return asked.length;
    };
    expect(await reads({ reads: [{ [APP]: 'a', [TASK]: 't' }] })).toBe(1);
    expect(await reads({ reads: [{ [APP]: 'a' }] })).toBe(2);
    expect(await reads({ reads: [{}], absence: 'lost' })).toBe(1);
  });

  test('the history of the store is looked at if the marks are others', async () => {
    const anew = storeWith({ reads: [{ [APP]: 'a', [TASK]: 'u' }] });
    await checkRegistration(anew.store, KEY, ENROLMENT);
    const same = storeWith({ reads: [{ [APP]: 'a', [TASK]: 't' }] });
    await checkRegistration(same.store, KEY, ENROLMENT);
    expect([anew.looks(), same.looks()]).toEqual([1, 0]);
  });

  test('an error that is not one of the store is passed on', async () => {
    const { store } = storeWith({ reads: [], error: new RangeError('a fault') });
    await expect(checkRegistration(store, KEY, ENROLMENT)).rejects.toThrow('a fault');
  });
});

describe('beginning again', () => {
  function registryWith(hasApp: boolean, enrolment: object) {
    const reloaded: string[] = [];
    const registry = {
      hasApp: () => hasApp,
      enrolment: () => enrolment,
      reload: async (id: string) => void reloaded.push(id),
    } as unknown as Registrations;
    return { registry, reloaded };
  }

  test.each<[string, boolean, object, boolean, boolean]>([
    ['for a registration made anew', true, { app: 'a', task: 'u', hadTask: true }, false, true],
    ['not for the same registration', true, ENROLMENT, true, false],
    ['not without an app', false, { app: 'b', task: 'u', hadTask: true }, true, false],
    ['without its task if a caller waits', true, { app: 'a', hadTask: false }, true, true],
    ['not without its task if no caller waits', true, { app: 'a', hadTask: false }, false, false],
  ])('a refresh may begin again %s', async (_, hasApp, now, callerWaits, expected) => {
    const { registry, reloaded } = registryWith(hasApp, now);
    expect(await mayBeginAgain(registry, KEY, ENROLMENT, callerWaits)).toBe(expected);
    expect(reloaded).toEqual([APP, TASK]);
  });

  test('a refresh without a task does not begin again for that', async () => {
    const { registry } = registryWith(true, { app: 'a', hadTask: false });
    expect(await mayBeginAgain(registry, KEY, { app: 'a', hadTask: false }, true)).toBe(false);
  });

  test('both parts of a registration are read again', async () => {
    const { registry, reloaded } = registryWith(true, {});
    await reloadRegistration(registry, KEY);
    expect(reloaded).toEqual([APP, TASK]);
  });
});
