import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RedisStore } from '../../../../src/stores/redis/index.js';

const REPEAT_MS = 5_000;

/** Looks like a client of ioredis. Its subscriber answers until it falls silent. */
class SubscribingClient extends EventEmitter {
  readonly isCluster = false;
  readonly subscriptions: string[] = [];
  subscriber: SubscribingClient | undefined;
  status = 'ready';
  isSilent = false;

  async call(): Promise<void> {}
  async connect(): Promise<void> {}

  disconnect(): void {
    this.status = 'end';
  }

  subscribe(channel: string): Promise<void> {
    this.subscriptions.push(channel);
    return this.isSilent ? new Promise(() => {}) : Promise.resolve();
  }

  duplicate(): SubscribingClient {
    this.subscriber = new SubscribingClient();
    return this.subscriber;
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function watched(): Promise<{ store: RedisStore; subscriber: SubscribingClient }> {
  const client = new SubscribingClient();
  const store = new RedisStore(client, { prefix: 'shop' });
  await store.watch(() => undefined);
  const { subscriber } = client;
  if (subscriber === undefined) throw new Error('there is no subscriber');
  return { store, subscriber };
}

test('a RedisStore repeats its subscription, so that its client notices a connection that has fallen silent', async () => {
  const { store, subscriber } = await watched();
  await vi.advanceTimersByTimeAsync(2 * REPEAT_MS);
  expect(subscriber.subscriptions).toHaveLength(3);
  expect(new Set(subscriber.subscriptions).size).toBe(1);
  await store.close();
});

test('a RedisStore repeats no subscription while the last one is not answered or its client is away', async () => {
  const { store, subscriber } = await watched();
  subscriber.status = 'reconnecting';
  await vi.advanceTimersByTimeAsync(2 * REPEAT_MS);
  expect(subscriber.subscriptions).toHaveLength(1);
  subscriber.status = 'ready';
  subscriber.isSilent = true;
  await vi.advanceTimersByTimeAsync(5 * REPEAT_MS);
  expect(subscriber.subscriptions).toHaveLength(2);
  await store.close();
});

test('a RedisStore that is closed, or watched no longer, repeats no subscription', async () => {
  const { store, subscriber } = await watched();
  await store.close();
  expect(vi.getTimerCount()).toBe(0);
  await vi.advanceTimersByTimeAsync(5 * REPEAT_MS);
  expect(subscriber.subscriptions).toHaveLength(1);
});
