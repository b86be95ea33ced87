import { describe, expect, test } from 'vitest';
import { MemoryStore, TokenManager, type TokenStore } from '../../../../src/index.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';
import { failure } from '../../wechat/failure.js';

/** A store as drivers of databases make it: what is absent is `null`, and versions may have another type. */
class OddStore extends MemoryStore implements TokenStore {
  isLeased = false;
  version: (version: number | undefined) => unknown = (version) => version ?? null;

  override async lease(...args: Parameters<MemoryStore['lease']>): ReturnType<MemoryStore['lease']> {
    return this.isLeased ? (null as never) : super.lease(...args);
  }

  override async set(...args: Parameters<MemoryStore['set']>): Promise<number | undefined> {
    return this.version(await super.set(...args)) as number;
  }
}

async function registered(): Promise<{ store: OddStore; tokens: TokenManager } & AsyncDisposable> {
  const store = new OddStore();
  const tokens = new TokenManager({ store });
  await tokens.register({ appid: APPID, secret: SECRET });
  return { store, tokens, [Symbol.asyncDispose]: () => tokens.close() };
}

describe('a custom store', () => {
  test('null in place of a lease means that another process holds it', async () => {
    await using at = await registered();
    at.store.isLeased = true;
    const options = { timeoutMs: 20 };
    expect(await failure(at.tokens.get(APPID, 'access_token', options))).toMatchObject({ code: 'TIMEOUT' });
  });

  test('a version of another type is refused with what the store has to return', async () => {
    await using at = await registered();
    at.store.version = String;
    const grant = { value: 'v', expiresInSeconds: 60 };
    expect(await failure(at.tokens.put(APPID, 'access_token', grant))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: "the store's set failed: the store must return the new version as a number",
    });
  });

  test('a manager whose store another manager has closed fails with an error that says that the store is closed', async () => {
    await using at = await registered();
    await new TokenManager({ store: at.store }).close();
    expect(await failure(at.tokens.get(APPID, 'access_token'))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('the store is closed'),
    });
  });
});
