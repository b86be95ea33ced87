import { isTokenError } from './errors.js';
import type { Absence, SupervisedStore } from './supervised-store.js';
import { appDocumentId, documentId, type TokenKey } from './token-key.js';

/**
 * Returns whether the app is still registered, and the task where there was one. An unregistration deletes the key's
 * document; a refresh that was under way must not bring it back. A store that does not answer, and one that has lost what it
 * held, have not said that it is gone.
 */
export async function isStillRegistered(store: SupervisedStore, key: TokenKey, hadTask: boolean): Promise<boolean> {
  const ids = [appDocumentId(key.appid), ...(hadTask ? [documentId('task', key)] : [])];
  try {
    let absences = await absencesOf(store, ids);
    // What was missing may have been put back while that was judged.
    if (absences.some((absence) => absence !== 'lost')) absences = await absencesOf(store, ids);
    return !absences.includes('deleted');
  } catch (error) {
    if (isTokenError(error)) return true;
    throw error;
  }
}

async function absencesOf(store: SupervisedStore, ids: readonly string[]): Promise<Absence[]> {
  const documents = await store.get(ids);
  const missing = ids.filter((_, index) => documents[index] === undefined);
  const absences: Absence[] = [];
  for (const id of missing) absences.push(await store.judgeAbsence(id));
  return absences;
}
