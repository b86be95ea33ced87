import { beforeEach, describe, expect, test } from 'vitest';
import { Closing } from '../../../../src/core/model/closing.js';
import { planRegistration } from '../../../../src/core/model/registration.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { Registrar } from '../../../../src/core/registry/registrar.js';
import {
  listenerOf,
  type RegisteredDocument,
  type RegistrarListener,
} from '../../../../src/core/registry/registrar-listener.js';
import { NOTHING_IS_LOST } from '../../../../src/core/store/absence.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { type OpenedStorage, openStorage } from '../../../support/worlds/storage.js';

const APP = 'app/wx1';
const TASK = 'task/wx1/user/a';
const KEY = { appid: 'wx1', type: 'user', subject: 'a' };
const REGISTRATION = { appid: 'wx1', secret: 'S', tasks: [{ type: 'user', subject: 'a', params: { n: 1 } }] };

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let storage: OpenedStorage;
let listener: { -readonly [Name in keyof RegistrarListener]: RegistrarListener[Name] };
let registered: (readonly RegisteredDocument[])[];
let registrar: Registrar;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  storage = openStorage(faulty, clock);
  registered = [];
  listener = {
    ...listenerOf(storage.registry),
    registered: (documents) => {
      registered.push(documents);
      return undefined;
    },
  };
  registrar = new Registrar({
    ...storage,
    closing: new Closing(),
    isShared: false,
    hurryApp: () => {},
    newId: () => 'an-id',
  });
  registrar.listen(listener);
});

const register = (input: unknown = REGISTRATION, isAddition = false): Promise<void> =>
  registrar.register(
    planRegistration(input, () => {}),
    isAddition,
  );

async function stored(id: string): Promise<JsonObject | undefined> {
  const [document] = await memory.get([id]);
  return document && unseal(document);
}

async function remove(id: string): Promise<void> {
  await memory.delete(id, (await memory.get([id]))[0]?.version as number);
}

/** Judges absences, and notes which were judged. */
function judge(onAbsence: () => Promise<unknown> = async () => {}): string[] {
  const judged: string[] = [];
  storage.store.judgeAbsencesBy({
    ...NOTHING_IS_LOST,
    judgeAbsence: async (id) => {
      judged.push(id);
      await onAbsence();
      return 'deleted';
    },
  });
  return judged;
}

describe('what is told of registrations', () => {
  test('a registration is told with its documents, and which of them were changed', async () => {
    await register();
    await register({ ...REGISTRATION, secret: 'another' });
    const shown = registered.map((documents) => documents.map(({ id, isChanged }) => [id, isChanged]));
    expect(shown).toEqual([
      [
        [TASK, true],
        [APP, true],
      ],
      [
        [TASK, false],
        [APP, true],
      ],
    ]);
    expect(registered[0]?.[0]?.content).toMatchObject({ params: { n: 1 } });
    expect(registered[1]?.[1]?.version).toBe((await memory.get([APP]))[0]?.version);
  });

  test('the lease is held until a listener has handled the registration', async () => {
    let end = (): void => {};
    listener.registered = () => new Promise((resolve) => (end = resolve));
    let isOver = false;
    const registering = register().then(() => {
      isOver = true;
    });
    await clock.advance(0);
    expect([isOver, await memory.lease(APP, 1_000)]).toEqual([false, undefined]);
    end();
    await registering;
    expect(await memory.lease(APP, 1_000)).toBeDefined();
  });

  test('without a store that is replaced, an app is known if it is cached, and nothing is lost', async () => {
    const plain = listenerOf(storage.registry);
    expect([plain.knows(APP), plain.lost(APP), plain.generation]).toEqual([false, undefined, 0]);
    await register();
    expect(plain.knows(APP)).toBe(true);
    expect(plain.registered([])).toBeUndefined();
    expect((await plain.unregistering(APP)).found([])).toBeUndefined();
  });
});

describe('an app that is missing', () => {
  const ADDITION = { appid: 'wx1', tasks: REGISTRATION.tasks };

  test('tasks are not added to an app that is missing, whose absence is judged', async () => {
    const judged = judge();
    await expect(register(ADDITION, true)).rejects.toMatchObject({ code: 'NOT_REGISTERED', appid: 'wx1' });
    expect(judged.filter((id) => id === APP).length).toBeGreaterThan(0);
    expect([await stored(APP), await stored(TASK)]).toEqual([undefined, undefined]);
  });

  test('tasks are added to an app that is put back when its absence is judged', async () => {
    let isMissing = true;
    judge(async () => {
      if (isMissing) await memory.set(APP, seal(APP, { secret: 'put back' }), 0);
      isMissing = false;
    });
    await register(ADDITION, true);
    expect([await stored(APP), await stored(TASK)]).toMatchObject([{ secret: 'put back' }, { params: { n: 1 } }]);
  });

  test('an app that was known is written anew once its absence was judged, with all of its tasks', async () => {
    await register();
    await remove(APP);
    await remove(TASK);
    const judged = judge();
    await register();
    expect(judged).toContain(APP);
    expect([await stored(APP), await stored(TASK)]).toMatchObject([{ secret: 'S' }, { params: { n: 1 } }]);
  });

  test('an app that was never known is written without a judgement', async () => {
    const judged = judge();
    await register();
    expect(judged).not.toContain(APP);
  });

  test('an app that was lost with the store keeps what is known of it beside the registration', async () => {
    listener.lost = (id) => (id === APP ? { secret: 'lost', accessToken: 'stable' } : undefined);
    await register();
    expect(await stored(APP)).toMatchObject({ secret: 'S', accessToken: 'stable' });
  });
});

describe('a store that is replaced during a registration', () => {
  /** Has the store be replaced each time that the app is written, this often. */
  function replace(times: number): void {
    let left = times;
    faulty.afterSet = (id) => {
      if (id === APP && left-- > 0) listener.generation += 1;
    };
  }

  test('a registration is repeated in the new store, and told once', async () => {
    replace(1);
    await register();
    expect(faulty.calls.filter((call) => call === 'lease')).toHaveLength(2);
    expect([registered.length, storage.registry.hasApp('wx1')]).toEqual([1, true]);
  });

  test('a registration fails if the store is replaced each time', async () => {
    faulty.afterGet = () => {
      listener.generation += 1;
    };
    const error = await register().catch((reason: Error) => reason);
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true, appid: 'wx1' });
    expect((error as Error).message).toContain('was replaced');
    expect(registered).toEqual([]);
  });
});

describe('a store that grants no lease', () => {
  const refuse = (cause: unknown = new Error('full')): void => {
    faulty.before = (method) => (method === 'lease' ? Promise.reject(cause) : undefined);
  };

  async function outcome(registering: Promise<void>): Promise<{ readonly isOver: boolean; readonly error: unknown }> {
    let isOver = false;
    let error: unknown;
    void registering.then(
      () => {
        isOver = true;
      },
      (reason: unknown) => {
        error = reason;
      },
    );
    await clock.advance(60_000);
    return { isOver, error };
  }

  beforeEach(async () => {
    await register();
    storage.registry.removeApp('wx1');
    storage.registry.removeTask(KEY);
    registered.length = 0;
  });

  test('a registration that is stored already is adopted', async () => {
    refuse();
    expect(await outcome(register())).toEqual({ isOver: true, error: undefined });
    expect([storage.registry.app('wx1')?.secret, storage.registry.task(KEY)?.params]).toEqual(['S', { n: 1 }]);
    expect(registered).toHaveLength(1);
  });

  test('a registration that would have to be written fails with the reason', async () => {
    refuse();
    const { isOver, error } = await outcome(register({ ...REGISTRATION, secret: 'another' }));
    expect(isOver).toBe(false);
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect([storage.registry.hasApp('wx1'), registered]).toEqual([false, []]);
  });

  test('a registration is not adopted where the process has no right to write', async () => {
    refuse(Object.assign(new Error('no'), { code: 'EACCES' }));
    expect((await outcome(register())).error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(storage.registry.hasApp('wx1')).toBe(false);
  });

  test('a registration is written once the store grants leases again', async () => {
    refuse();
    const registering = register();
    await clock.advance(3_000);
    expect(registered).toEqual([]);
    faulty.before = () => {};
    await clock.advance(10_000);
    await registering;
    expect(registered).toHaveLength(1);
  });
});

describe('changes of a registration', () => {
  test('work that is done exclusively has the lease of the app, and follows earlier work', async () => {
    const order: string[] = [];
    const first = registrar.exclusively('wx1', async (lease) => {
      order.push(`first ${lease.appid} ${(await memory.lease(APP, 1_000)) === undefined}`);
    });
    const second = registrar.exclusively('wx1', async () => void order.push('second'));
    await Promise.all([first, second]);
    expect(order).toEqual(['first wx1 true', 'second']);
  });

  test('a task that is not to be unregistered any more stays', async () => {
    await register();
    await expect(registrar.unregisterTask(KEY, () => false)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect([await stored(TASK), storage.registry.task(KEY)?.params]).toMatchObject([{ params: { n: 1 } }, { n: 1 }]);
    await registrar.unregisterTask(KEY);
    expect([await stored(TASK), storage.registry.task(KEY)]).toEqual([undefined, undefined]);
  });
});

describe('what is told of unregistrations', () => {
  let events: unknown[];

  beforeEach(() => {
    events = [];
    listener.unregistering = async (id) => {
      events.push(`begins ${id}`);
      return {
        found: (documents) => void events.push(documents.map((document) => document.id).toSorted()),
        done: () => void events.push('done'),
      };
    };
    faulty.before = (method, id) => {
      if (method === 'delete') events.push(`deletes ${id}`);
    };
  });

  test('an app is told with its tasks before they are deleted, and when all is deleted', async () => {
    await register();
    await memory.set('key/wx1/user/a', seal('key/wx1/user/a', {}), 0);
    await registrar.unregisterApp('wx1');
    expect(events).toEqual([
      'begins app/wx1',
      [APP, TASK],
      `deletes ${TASK}`,
      `deletes ${APP}`,
      'deletes key/wx1/user/a',
      'deletes limit/wx1/~removal',
      'done',
    ]);
    expect(storage.registry.hasApp('wx1')).toBe(false);
  });

  test('an app that is not stored is told as well, and leaves no mark', async () => {
    await registrar.unregisterApp('wx1');
    expect(events.filter((event) => !String(event).startsWith('deletes'))).toEqual(['begins app/wx1', [], 'done']);
    expect(await memory.get(['limit/wx1/~removal'])).toEqual([undefined]);
  });

  test('the tasks of a large app are told before they are deleted', async () => {
    for (let index = 0; index < 1_500; index++) {
      const id = `task/wx1/user/u${index}`;
      await memory.set(id, seal(id, {}), 0);
    }
    await memory.set(APP, seal(APP, {}), 0);
    const removing = registrar.unregisterApp('wx1');
    await clock.advance(60_000);
    await removing;
    const firstDeletion = events.indexOf('deletes task/wx1/user/u0');
    const told = new Set(events.slice(0, firstDeletion).flat());
    expect(Array.from({ length: 1_500 }, (_, index) => `task/wx1/user/u${index}`).every((id) => told.has(id))).toBe(
      true,
    );
    expect([events.at(-1), await stored('task/wx1/user/u1499')]).toEqual(['done', undefined]);
  });

  test('a task is told before its documents are deleted, and when they are', async () => {
    await register();
    await registrar.unregisterTask(KEY);
    expect([events[0], events.at(-1)]).toEqual([`begins ${TASK}`, 'done']);
    expect(events).toContain(`deletes ${TASK}`);
  });

  test('an app that others change each time is not unregistered after ten tries', async () => {
    await register();
    let changes = 0;
    faulty.before = async (method, id) => {
      if (method !== 'delete' || id !== APP) return;
      changes += 1;
      const [document] = await memory.get([APP]);
      await memory.set(APP, document?.data as JsonObject, document?.version as number);
    };
    await expect(registrar.unregisterApp('wx1')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', appid: 'wx1' });
    expect([changes, events.includes('done')]).toEqual([10, false]);
  });
});

describe('enrolments that have ended', () => {
  const KEY_ID = 'key/wx1/user/a';

  test.each<[string, string, JsonObject, boolean]>([
    ['an app', APP, { enrolment: { app: 'ended', task: 'of-task' } }, true],
    ['a task', TASK, { enrolment: { app: 'of-app', task: 'ended' } }, true],
    ['an app, but belongs to another task of the same mark', APP, { enrolment: { task: 'ended' } }, false],
    ['a task, but belongs to an app of the same mark', TASK, { enrolment: { app: 'ended' } }, false],
  ])('a document of a key is deleted with the enrolment of %s: %#', async (_, id, content, isDeleted) => {
    await putContent(memory, id, { enrolment: 'ended' });
    await putContent(memory, KEY_ID, content);
    const asked: string[] = [];
    await registrar.removeEnded('wx1', [id], (mark, of) => {
      asked.push(`${mark} ${of}`);
      return true;
    });
    expect([asked, await stored(id), (await stored(KEY_ID)) === undefined]).toEqual([
      [`ended ${id}`],
      undefined,
      isDeleted,
    ]);
  });

  test('an app without a mark, or whose enrolment goes on, stays', async () => {
    await putContent(memory, APP, {});
    await putContent(memory, TASK, { enrolment: 'goes on' });
    await registrar.removeEnded('wx1', [APP, TASK, 'task/wx1/absent'], (mark) => mark !== 'goes on');
    expect([await stored(APP), await stored(TASK)]).toEqual([{}, { enrolment: 'goes on' }]);
  });
});
