import { expect } from 'vitest';
import type { StoredDocument, TokenStore } from '../../../../src/core/model/store.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { EncryptedStore, type EncryptedStoreOptions } from '../../../../src/stores/encrypted/encrypted-store.js';

export const ID = 'key/wx1/access_token';
export const OTHER_ID = 'key/wx2/access_token';
export const A = 'a1'.repeat(32);
export const B = 'b2'.repeat(32);
export const C = 'c3'.repeat(32);
/** What the first 16 digits of HMAC-SHA-256(A, 'wechat-token-manager key id') are. */
export const ID_OF_A = '2e1b727aac7da33a';
export const DATA = {
  format: 1,
  checksum: '0badcafe',
  grant: { value: 'CANARY-token', list: [1, null, { 微信: true }] },
};

export const NOT_ENCRYPTED = { unreadable: 'it is not encrypted' };
export const NOT_VERIFIED = {
  unreadable: 'its authentication tag does not verify: it was damaged, or copied from elsewhere',
};
export const UNKNOWN_KEY = {
  unreadable: expect.stringMatching(/^it was encrypted with a key .+ \(key id [0-9a-f]{16}\)$/),
};

export function encrypted(inner: TokenStore, ...keys: EncryptedStoreOptions['keys']): EncryptedStore {
  return new EncryptedStore(inner, { keys });
}

/** Returns the document as the other store holds it, which is all that a reader of that store sees. */
export async function held(inner: TokenStore, id = ID): Promise<StoredDocument> {
  const [document] = await inner.get([id]);
  if (document === undefined) throw new Error(`${id} is absent`);
  return document;
}

export async function dataOf(store: TokenStore, id = ID): Promise<JsonObject> {
  return (await held(store, id)).data;
}

/** Replaces whatever is there with this, as an attacker with write access to the other store could. */
export async function plant(inner: TokenStore, data: JsonObject, id = ID): Promise<void> {
  const [before] = await inner.get([id]);
  if ((await inner.set(id, data, before?.version ?? 0)) === undefined) throw new Error('another process has written');
}

export async function all(list: AsyncIterable<StoredDocument>): Promise<StoredDocument[]> {
  const documents = [];
  for await (const document of list) documents.push(document);
  return documents;
}
