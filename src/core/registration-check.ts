import { isTokenError } from './errors.js';
import type { SupervisedStore } from './supervised-store.js';
import { appDocumentId, documentId, type TokenKey } from './token-key.js';

/**
 * Whether the store still knows the app, and the task where there was one. Whoever unregisters deletes the key's
 * document; a refresh that was under way must not bring it back. A store that does not answer has not said that it is
 * gone.
 */
export async function isStillRegistered(store: SupervisedStore, key: TokenKey, hadTask: boolean): Promise<boolean> {
  const ids = [appDocumentId(key.appid), ...(hadTask ? [documentId('task', key)] : [])];
  try {
    return (await store.get(ids)).every((document) => document !== undefined);
  } catch (error) {
    if (isTokenError(error)) return true;
    throw error;
  }
}
