import type { JsonObject } from '../../core/json.js';
import type { TokenStore } from '../../core/store.js';
import { EncryptedStore } from '../../stores/encrypted.js';
import { FileStore } from '../../stores/file/file-store.js';
import type { ServeOptions } from '../serve-options.js';
import { asUsage, UsageError } from '../usage-error.js';
import { readSecrets } from './secret-file.js';
import { unusableStore } from './start-failure.js';

/** Enough to tell a wrong key from a document that was damaged. */
const LOOKED_AT = 20;

export interface ServerStore {
  readonly store: TokenStore;
  /** Encrypts with the first key what another one has encrypted; absent where there is no other. */
  readonly reencrypt: (() => Promise<number>) | undefined;
}

/**
 * The store in the directory, encrypted when there is a file of keys.
 *
 * @throws UsageError when the options cannot be used, or do not fit what is stored there; StartFailure when the directory cannot
 *   be read.
 */
export async function openStore({ store: directory, encryptionKeyFile }: ServeOptions): Promise<ServerStore> {
  const files = asUsage(
    () => new FileStore(directory),
    (message) => `--store: ${message}`,
  );
  if (encryptionKeyFile === undefined) {
    await assertNotEncrypted(files, directory);
    return { store: files, reencrypt: undefined };
  }
  const option = '--encryption-key-file';
  const keys = readSecrets(option, encryptionKeyFile);
  const store = asUsage(
    () => new EncryptedStore(files, { keys }),
    (message) => `${option}: ${encryptionKeyFile}: ${message}`,
  );
  await assertDecryptable(store, directory);
  return { store, reencrypt: keys.length > 1 ? () => store.reencrypt() : undefined };
}

/** Without its key it would all look damaged, and be moved aside. */
async function assertNotEncrypted(files: FileStore, directory: string): Promise<void> {
  const apps = await someApps(files, directory);
  if (apps.every(({ encrypted }) => encrypted === undefined)) return;
  throw new UsageError(`--store: ${directory} is encrypted: add --encryption-key-file <file>`);
}

async function assertDecryptable(store: EncryptedStore, directory: string): Promise<void> {
  const reasons = (await someApps(store, directory)).map(({ unreadable }) => unreadable);
  if (reasons.length === 0 || reasons.includes(undefined)) return;
  throw new UsageError(`--encryption-key-file: nothing in ${directory} can be read: ${reasons[0]}`);
}

async function someApps(store: TokenStore, directory: string): Promise<readonly JsonObject[]> {
  const apps: JsonObject[] = [];
  try {
    for await (const { data } of store.list('app', { limit: LOOKED_AT })) apps.push(data);
  } catch (error) {
    throw unusableStore(directory, error);
  }
  return apps;
}
