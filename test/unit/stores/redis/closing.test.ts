import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { StoreFailure } from '../../../../src/core/primitives/store-failure.js';
import { RedisStore } from '../../../../src/stores/redis/index.js';

const ID = 'key/wx1/access_token';
const TTL_MS = 20_000;
const CLOSED = new StoreFailure('the store is closed');

/** Looks like a client of ioredis, and answers a command when the test lets it. */
class ScriptedClient extends EventEmitter {
  readonly isCluster = false;
  readonly commands: string[] = [];
  status = 'ready';
  answer: (answer: unknown) => void = () => {};

  call(command: string): Promise<unknown> {
    this.commands.push(command);
    return new Promise((resolve, reject) => {
      this.answer = (answer) => (answer instanceof Error ? reject(answer) : resolve(answer));
    });
  }

  async connect(): Promise<void> {}
  disconnect(): void {}
  async subscribe(): Promise<void> {}
  duplicate(): ScriptedClient {
    return new ScriptedClient();
  }
}

async function listAll(store: RedisStore): Promise<void> {
  for await (const { id } of store.list('key')) expect(id).toBe(ID);
}

describe('a RedisStore that is closed', () => {
  test.each<[string, unknown, (store: RedisStore) => Promise<unknown>, unknown]>([
    ['runs a script that Redis does not know', new Error('NOSCRIPT no script'), (store) => store.get([ID]), CLOSED],
    ['tells of a write by a script without PUBLISH', -7, (store) => store.set(ID, {}, 0), 7],
    ['tells of a delete by a script without PUBLISH', -1, (store) => store.delete(ID, 7), true],
    ['looks how Redis is set', 1_000, (store) => store.now(), 1_000],
    ['leases a document of another lane', ['lane', 'other'], (store) => store.lease(ID, TTL_MS), CLOSED],
    ['claims what it has found', ['0', ID], (store) => store.claimDue(['access_token'], 5, TTL_MS), CLOSED],
    ['lists', [ID], listAll, CLOSED],
  ])('a RedisStore that is closed while it %s sends nothing after that', async (_, answer, operate, outcome) => {
    const client = new ScriptedClient();
    const store = new RedisStore(client);
    const operating = operate(store).catch((error: unknown) => error);
    await expect.poll(() => client.commands.length).toBe(1);
    await store.close();
    client.answer(answer);
    expect(await operating).toEqual(outcome);
    await new Promise(setImmediate);
    expect(client.commands).toHaveLength(1);
  });

  test('a RedisStore that is closed while its client connects sends nothing over the connection', async () => {
    const client = new ScriptedClient();
    client.status = 'connecting';
    const store = new RedisStore(client);
    const reading = store.get([ID]).catch((error: unknown) => error);
    await expect.poll(() => client.listenerCount('ready')).toBe(2);
    await store.close();
    client.status = 'ready';
    client.emit('ready');
    expect(await reading).toEqual(CLOSED);
    expect(client.commands).toEqual([]);
  });
});
