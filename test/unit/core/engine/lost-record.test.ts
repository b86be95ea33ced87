import { beforeEach, expect, test } from 'vitest';
import { judgeMissingRecord } from '../../../../src/core/engine/lost-record.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { type OpenedStorage, openStorage } from '../../../support/worlds/storage.js';

const KEY = { appid: 'wx1', type: 'user', subject: 'a' };
const APP = 'app/wx1';
const TASK = 'task/wx1/user/a';
const RECORD = 'key/wx1/user/a';

let memory: MemoryStore;
let faulty: FaultyStore;
let storage: OpenedStorage;

beforeEach(async () => {
  const clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  storage = openStorage(faulty, clock);
  await putContent(memory, APP, { enrolment: 'of-app' });
  await putContent(memory, TASK, { enrolment: 'of-task' });
  await storage.registry.loadAll();
  faulty.calls.length = 0;
});

async function remove(id: string): Promise<void> {
  await memory.delete(id, (await memory.get([id]))[0]?.version as number);
}

function judge(token: string | undefined = 'refresh') {
  const rotation = token === '' ? undefined : { token };
  return judgeMissingRecord({ key: KEY, rotation } as unknown as CachedRecord, storage);
}

test('a record that is missing while its app and task are as they were was lost', async () => {
  expect(await judge()).toBe('lost');
  expect(faulty.calls).toEqual(['get']);
});

test('a record that is stored again by now has to be read again, and one without a grant was lost', async () => {
  await putContent(memory, RECORD, { grant: { value: 'v' } });
  expect(await judge()).toBe('restored');
  await putContent(memory, RECORD, { trying: { attempts: 1 } });
  expect(await judge()).toBe('lost');
});

test('a record without a refresh token counts as deleted, without a look at the store', async () => {
  expect([await judge(''), faulty.calls]).toEqual(['deleted', []]);
});

test.each<[string, () => Promise<unknown>]>([
  ['whose app was unregistered', () => remove(APP)],
  ['whose task was unregistered', () => remove(TASK)],
  ['whose app was registered anew', () => putContent(memory, APP, { enrolment: 'another' })],
  ['whose task was registered anew', () => putContent(memory, TASK, { enrolment: 'another' })],
])('a record %s was deleted', async (_, change) => {
  await change();
  expect(await judge()).toBe('deleted');
});

test.each([
  ['app', APP],
  ['task', TASK],
])('a record counts as deleted where the document of its %s has no mark', async (_, id) => {
  await putContent(memory, id, {});
  await storage.registry.loadAll();
  expect(await judge()).toBe('deleted');
});
