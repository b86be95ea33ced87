import type { CachedRecord } from './cached-record.js';
import { markFrom } from './enrolment.js';
import type { Registry } from './registry.js';
import type { SupervisedStore } from './supervised-store.js';
import { registrationIds } from './token-key.js';

/**
 * Returns whether a store that goes on has lost the document of a held record: an unregistration deletes the task first, so a
 * document that is missing beside its task, with the same marks, was not deleted on purpose. It is asked for refresh tokens
 * alone, since any other token can be fetched again. Releases before the marks leave that open, and then it was deleted.
 *
 * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
 */
export async function isLostAlone(
  { key, rotation }: CachedRecord,
  { store, registry }: { readonly store: SupervisedStore; readonly registry: Registry },
): Promise<boolean> {
  const { app, task } = registry.enrolment(key);
  if (rotation?.token === undefined || app === undefined || task === undefined) return false;
  const documents = await store.get(registrationIds(key));
  const marks = documents.map((document) => document && markFrom(document.data));
  return marks[0] === app && marks[1] === task;
}
