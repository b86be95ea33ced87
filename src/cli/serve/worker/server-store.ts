import type { TokenStore } from '../../../core/model/store.js';
import type { JsonObject } from '../../../core/primitives/json.js';
import { EncryptedStore } from '../../../stores/encrypted/encrypted-store.js';
import { FileStore } from '../../../stores/file/file-store.js';
import type { ServeOptions } from '../../args/serve-options.js';
import type { StoreLocation } from '../../args/store-location.js';
import { unusableStore } from '../../failures/start-failure.js';
import { asUsage, UsageError } from '../../failures/usage-error.js';
import { readSecrets, wordsOfFile } from './secret-file.js';

/** The number of documents that are checked, which is enough to tell a wrong key from a single damaged document. */
const LOOKED_AT = 20;

export interface ServerStore {
  readonly store: TokenStore;
  /** Encrypts the documents of older keys with the first one; absent if there is only one key. */
  readonly reencrypt: (() => Promise<number>) | undefined;
}

/**
 * Opens the store that the options name, encrypted if there is a file of keys.
 *
 * @throws UsageError when the options cannot be used, or do not fit the stored documents; StartFailure when the store
 *   does not work.
 */
export async function openStore({ store: location, encryptionKeyFile }: ServeOptions): Promise<ServerStore> {
  const plain = await openPlain(location);
  try {
    if (encryptionKeyFile !== undefined) return await encrypted(plain, location, encryptionKeyFile);
    await assertNotEncrypted(plain, location);
    return { store: plain, reencrypt: undefined };
  } catch (error) {
    await plain.close().catch(() => {});
    throw error;
  }
}

async function openPlain(location: StoreLocation): Promise<TokenStore> {
  if (location.kind === 'directory') {
    return asUsage(
      () => new FileStore(location.path),
      (message) => `--store: ${message}`,
    );
  }
  try {
    if (location.kind === 'redis') return await (await import('../../databases/redis.js')).openRedisStore(location);
    return await (await import('../../databases/sql.js')).openSqlStore(location);
  } catch (error) {
    throw error instanceof UsageError ? error : unusableStore(location.shown, error);
  }
}

async function encrypted(plain: TokenStore, location: StoreLocation, keyFile: string): Promise<ServerStore> {
  const option = '--encryption-key-file';
  const keys = readSecrets(option, keyFile);
  const store = asUsage(
    () => new EncryptedStore(plain, { keys }),
    (message) => `${option}: ${keyFile}: ${wordsOfFile(message)}`,
  );
  await assertDecryptable(store, location);
  return { store, reencrypt: keys.length > 1 ? () => store.reencrypt() : undefined };
}

/** Refuses an encrypted store, since without the key every document would look damaged and be set aside. */
async function assertNotEncrypted(store: TokenStore, location: StoreLocation): Promise<void> {
  const apps = await someApps(store, location);
  if (apps.every(({ encrypted }) => encrypted === undefined)) return;
  throw new UsageError(`--store: ${location.shown} is encrypted: add --encryption-key-file <file>`);
}

async function assertDecryptable(store: EncryptedStore, location: StoreLocation): Promise<void> {
  const reasons = (await someApps(store, location)).map(({ unreadable }) => unreadable);
  if (reasons.length === 0 || reasons.includes(undefined)) return;
  throw new UsageError(`--encryption-key-file: no document in ${location.shown} can be read: ${reasons[0]}`);
}

async function someApps(store: TokenStore, location: StoreLocation): Promise<readonly JsonObject[]> {
  const apps: JsonObject[] = [];
  try {
    for await (const { data } of store.list('app', { limit: LOOKED_AT })) apps.push(data);
  } catch (error) {
    throw unusableStore(location.shown, error);
  }
  return apps;
}
