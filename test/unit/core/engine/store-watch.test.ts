import { beforeEach, describe, expect, test } from 'vitest';
import { HeldRecords } from '../../../../src/core/engine/held-records.js';
import { StoreWatch } from '../../../../src/core/engine/store-watch.js';
import { Closing } from '../../../../src/core/model/closing.js';
import type { TokenKey } from '../../../../src/core/model/token-key.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { RecordChanges } from '../../../../src/core/records/record-changes.js';
import { RecordReader } from '../../../../src/core/records/record-reader.js';
import type { StoredGrant } from '../../../../src/core/store/key-document.js';
import { StoreHistory } from '../../../../src/core/store/store-history.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { grantNow, type HeldRecordsWorld, holdRecords, holdTask } from '../../../support/worlds/held-records.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const ID = 'key/wx1/access_token';

class WatchedStore extends FaultyStore {
  watchers: ((id: string | undefined) => void)[] = [];

  override async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    this.watchers.push(changed);
    return async () => {
      this.watchers = this.watchers.filter((watcher) => watcher !== changed);
    };
  }

  tell(id: string | undefined): void {
    for (const watcher of this.watchers) watcher(id);
  }
}

let clock: FakeClock;
let memory: MemoryStore;
let faulty: WatchedStore;
let world: HeldRecordsWorld;
let reader: RecordReader;
let watch: StoreWatch;
let events: string[];

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new WatchedStore(memory);
  events = [];
  world = holdRecords(faulty, clock);
  world.events.on('refreshed', ({ record, source }) => void events.push(`${record.value} ${source}`));
  const closing = new Closing();
  const changes = new RecordChanges();
  const history = new StoreHistory({ store: world.store, clock, newId: () => 'id' });
  const restorer = new HeldRecords({ ...world, history, changes });
  reader = new RecordReader({ ...world, restorer, changes, closing });
  watch = new StoreWatch({
    ...world,
    recordReader: reader,
    closing,
    recovery: { history, check: async () => {}, registrationRead: async () => {} },
    pushed: { isPushed: () => false },
  });
});

const grant = (value: string, fields: Partial<StoredGrant> = {}): StoredGrant => grantNow(clock, value, fields);
const put = (content: JsonObject, id = ID): Promise<number> => putContent(memory, id, content);

const withTask = (key: TokenKey = KEY): void => holdTask(world, key);
const held = () => world.records.cache.get(KEY);
const gets = (): number => faulty.calls.filter((call) => call === 'get').length;

describe('the watch of a store', () => {
  test('the watch begins with what the store remembers', async () => {
    await put({ secret: 'S' }, 'app/wx1');
    await put({}, 'task/wx1/access_token');
    await watch.start();
    expect([world.registry.app('wx1')?.secret, world.registry.task(KEY)?.key]).toEqual(['S', KEY]);
  });

  test('a notification reads a key that concerns this process, and no other', async () => {
    await watch.start();
    faulty.calls.length = 0;
    await put({ grant: { ...grant('a') } });
    faulty.tell(ID);
    await clock.advance(0);
    expect([gets(), held()]).toEqual([0, undefined]);
    withTask();
    faulty.tell(ID);
    await clock.advance(0);
    expect(held()?.value).toBe('a');
    const other = { ...KEY, subject: 's' };
    await put({ grant: { ...grant('x') } }, 'key/wx1/access_token/s');
    await reader.read(other);
    await put({ grant: { ...grant('y') } }, 'key/wx1/access_token/s');
    faulty.tell('key/wx1/access_token/s');
    await clock.advance(0);
    expect(world.records.cache.get(other)?.value).toBe('y');
  });

  test('a notification waits for a write of its own process', async () => {
    await watch.start();
    withTask();
    await put({}, 'app/wx1');
    await put({}, 'task/wx1/access_token');
    let answer = (): void => {};
    faulty.before = (method) => (method === 'set' ? new Promise((resolve) => (answer = resolve)) : undefined);
    const writing = world.writer.write(KEY, await world.documents.read(KEY), grant('a'), {
      source: 'upstream',
      reason: 'due',
      enrolment: { hadTask: true },
    });
    await clock.advance(0);
    const before = gets();
    faulty.tell(ID);
    await clock.advance(0);
    expect(gets()).toBe(before);
    answer();
    await writing;
    await clock.advance(0);
    expect(events).toEqual(['a upstream']);
  });

  test('a notification of an app or a task reads it again', async () => {
    await watch.start();
    await put({ secret: 'S' }, 'app/wx1');
    await put({}, 'task/wx1/access_token');
    faulty.tell('app/wx1');
    faulty.tell('task/wx1/access_token');
    await clock.advance(0);
    expect([world.registry.app('wx1')?.secret, world.registry.task(KEY) === undefined]).toEqual(['S', false]);
  });

  test('other notifications are ignored', async () => {
    await watch.start();
    faulty.calls.length = 0;
    for (const id of ['limit/wx1/report', 'quarantine/wx1/x', 'odd']) faulty.tell(id);
    await clock.advance(0);
    expect(faulty.calls).toEqual([]);
  });

  test('the watch reads everything when messages may have been lost', async () => {
    await put({ secret: 'S' }, 'app/wx1');
    await put({ grant: { ...grant('a') } });
    await watch.start();
    await reader.read(KEY);
    await put({ secret: 'S2' }, 'app/wx1');
    await put({ grant: { ...grant('b') } });
    faulty.tell(undefined);
    await clock.advance(0);
    expect([world.registry.app('wx1')?.secret, held()?.value]).toEqual(['S2', 'b']);
  });

  test('the watch survives notifications while the store fails', async () => {
    await watch.start();
    withTask();
    faulty.before = () => Promise.reject(new Error('gone'));
    for (const id of [ID, 'app/wx1', undefined]) faulty.tell(id);
    await clock.advance(0);
    expect(world.store.failing).toBe(true);
  });

  test('stop ends the watch, and may be called at any time', async () => {
    await watch.stop();
    await watch.start();
    expect(faulty.watchers).toHaveLength(1);
    await watch.stop();
    await watch.stop();
    expect(faulty.watchers).toHaveLength(0);
  });

  test('a store has one watch, also when the start fails at first', async () => {
    faulty.before = (method) => (method === 'list' ? Promise.reject(new Error('gone')) : undefined);
    await expect(watch.start()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    faulty.before = () => {};
    await watch.start();
    expect(faulty.watchers).toHaveLength(1);
    await watch.stop();
    expect(faulty.watchers).toHaveLength(0);
  });
});
