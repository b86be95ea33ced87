import { describe, expect, test } from 'vitest';
import type { Lease, TokenStore } from '../../../../src/core/model/store.js';
import { isJsonObject } from '../../../../src/core/primitives/json.js';
import { EncryptedStore } from '../../../../src/stores/encrypted/encrypted-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { TokenManager } from '../../../../src/token-manager.js';
import { shared } from '../../../support/stores/shared-store.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';
import { A, all, DATA, encrypted, ID, NOT_ENCRYPTED, OTHER_ID, plant } from './encrypted-documents.js';

describe('the other store', () => {
  test('the other store decides whether there is a watch and a claimDue', async () => {
    const { watch: _, ...bare } = shared(new MemoryStore());
    const store: TokenStore = encrypted(bare, A);
    expect([store.watch, store.claimDue]).toEqual([undefined, undefined]);
    expect('watch' in store || 'claimDue' in store).toBe(false);
    expect((encrypted(new MemoryStore(), A) as TokenStore).watch).toBeDefined();
  });

  test('the other store notifies its watchers itself', async () => {
    const inner = new MemoryStore();
    const told: unknown[] = [];
    const end = await encrypted(inner, A).watch?.((id) => told.push(id));
    await inner.set(ID, {}, 0);
    await Promise.resolve();
    await end?.();
    await inner.set(OTHER_ID, {}, 0);
    await Promise.resolve();
    expect(told).toEqual([ID]);
  });

  test('the other store gets its own leases back, and claims come decrypted', async () => {
    const inner = new ClaimingStore();
    const store = encrypted(inner, A);
    await store.set(ID, DATA, 0, { due: { lane: 'a', at: 1 } });
    await plant(inner, {}, OTHER_ID);
    const leases = (await store.claimDue?.(['a'], 7, 1_000)) ?? [];
    expect(inner.claimed).toEqual([['a'], 7, 1_000]);
    expect(leases.map(({ id, document }) => [id, document?.data])).toEqual([
      [ID, DATA],
      [OTHER_ID, NOT_ENCRYPTED],
    ]);
    const [lease, other] = leases as [Lease, Lease];
    const due = { lane: 'b', at: 2 };
    const version = await store.set(ID, { n: 2 }, lease.document?.version ?? 0, { lease, due });
    expect(await store.get([ID])).toEqual([{ id: ID, version, data: { n: 2 }, due }]);
    expect(inner.released).toEqual([ID]);
    await other.release();
    expect(inner.released).toEqual([ID, OTHER_ID]);
    const again = await store.lease(ID, 1_000);
    await store.set(ID, {}, version ?? 0, again && { lease: again });
    expect(inner.released).toEqual([ID, OTHER_ID, ID]);
    expect(await store.lease(ID, 1_000)).toBeDefined();
  });

  test('a lease that is not of this store is passed on as it is', async () => {
    const inner = new ClaimingStore();
    const lease = (await inner.lease(ID, 1_000)) as Lease;
    await encrypted(inner, A).set(ID, {}, 0, { lease });
    expect(inner.released).toEqual([ID]);
  });

  test('the other store refuses a write that loses, and keeps its document', async () => {
    const inner = new MemoryStore();
    const store = encrypted(inner, A);
    const version = await store.set(ID, DATA, 0);
    const lease = await store.lease(ID, 1_000);
    expect(await store.set(ID, {}, 0, lease && { lease })).toBeUndefined();
    expect(await store.delete(ID, 1)).toBe(false);
    expect(await store.lease(ID, 1_000)).toBeUndefined();
    expect(await store.get([ID])).toEqual([{ id: ID, version, data: DATA }]);
  });

  test('the other store is listed no faster than it is read, and its listing ends with the reader', async () => {
    const inner = new MemoryStore();
    const store = encrypted(inner, A);
    for (let n = 0; n < 9; n++) await store.set(`task/wx${n}`, { n }, 0);
    const seen: unknown[] = [];
    const list: TokenStore['list'] = async function* (prefix, options) {
      seen.push(prefix, options);
      try {
        for await (const document of inner.list(prefix, options)) {
          seen.push(document.id);
          yield document;
        }
      } finally {
        seen.push('left');
      }
    };
    const options = { after: 'task/wx2', limit: 5 };
    for await (const { data } of encrypted({ ...shared(inner), list }, A).list('task', options)) {
      if (data.n === 4) break;
    }
    expect(seen).toEqual(['task', options, 'task/wx3', 'task/wx4', 'left']);
  });

  test('the other store gives the time, and is closed with this one', async () => {
    const clock = new FakeClock({ now: 5 });
    const inner = new MemoryStore({ clock });
    const store = encrypted(inner, A);
    expect(await store.now()).toBe(5);
    await store.close();
    await expect(inner.now()).rejects.toThrow('the store is closed');
    await expect(store.get([ID])).rejects.toThrow('the store is closed');
  });

  test('the other store holds no secret of a manager and none of its tokens', async () => {
    await using world = new World({ store: (memory) => encrypted(memory, A) });
    const inner = new MemoryStore({ clock: world.clock });
    const tokens = world.manager({ store: encrypted(inner, A) });
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
    const token = await tokens.get(APPID, TYPE);
    const documents = [];
    for (const kind of ['app', 'task', 'key']) documents.push(...(await all(inner.list(kind))));
    expect(documents.length).toBeGreaterThan(2);
    expect(documents.every(({ data }) => isJsonObject(data) && data.encrypted === 1)).toBe(true);
    for (const secret of [SECRET, token, 'CANARY']) expect(JSON.stringify(documents)).not.toContain(secret);
  });
});

/** Knows its own leases only, and claims everything that it holds. */
class ClaimingStore extends MemoryStore {
  claimed: unknown[] = [];
  readonly released: string[] = [];
  readonly #own = new Set<Lease>();

  override async lease(id: string, ttlMs: number): Promise<Lease | undefined> {
    const granted = await super.lease(id, ttlMs);
    if (granted === undefined) return undefined;
    const lease: Lease = {
      ...granted,
      release: async () => {
        this.released.push(id);
        await granted.release();
      },
    };
    this.#own.add(lease);
    return lease;
  }

  override async set(...args: Parameters<MemoryStore['set']>): Promise<number | undefined> {
    const lease = args[3]?.lease;
    if (lease !== undefined && !this.#own.has(lease)) throw new Error('this lease is not mine');
    return super.set(...args);
  }

  async claimDue(...args: [readonly string[], number, number]): Promise<Lease[]> {
    this.claimed = args;
    const leases: Lease[] = [];
    for await (const { id } of this.list('key')) leases.push((await this.lease(id, args[2])) as Lease);
    return leases;
  }
}

test('a manager without the encryption reads nothing, and takes nothing for damaged', async () => {
  const clock = new FakeClock();
  const memory = new MemoryStore({ clock });
  const manager = (store: TokenStore): TokenManager => new TokenManager({ store, clock });
  const keeper = manager(new EncryptedStore(shared(memory), { keys: [Buffer.alloc(32, 1)] }));
  await keeper.register({ appid: 'wx1', secret: 'secret' });
  await keeper.put('wx1', 'access_token', { value: 'token', expiresInSeconds: 7_200 });
  const before = await memory.get(['app/wx1', 'key/wx1/access_token']);
  const plain = manager(shared(memory));
  const got = plain.get('wx1', 'access_token');
  await expect(got).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('encrypted') });
  expect(await memory.get(['app/wx1', 'key/wx1/access_token'])).toEqual(before);
  await Promise.all([plain.close(), keeper.close()]);
});
