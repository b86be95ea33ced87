import { markFrom } from '../model/enrolment.js';
import { documentId, registrationIds } from '../model/token-key.js';
import { isJsonObject } from '../primitives/json.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { Registry } from '../registry/registry.js';
import type { Absence, SupervisedStore } from '../store/supervised-store.js';

/**
 * Tells what it means that a store which goes on has shown no record where one is held. An unregistration deletes the task
 * first, so a record that is missing beside its task, with the same marks, was not deleted on purpose but `lost`. One that is
 * there by now was stored since that read began, and is to be read again: `restored`. It is asked for refresh tokens alone,
 * since any other token can be fetched again. Releases before the marks leave that open, and then it was `deleted`.
 *
 * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
 */
export async function judgeMissingRecord(
  { key, rotation }: CachedRecord,
  { store, registry }: { readonly store: SupervisedStore; readonly registry: Registry },
): Promise<Absence> {
  const { app, task } = registry.enrolment(key);
  if (rotation?.token === undefined || app === undefined || task === undefined) return 'deleted';
  const documents = await store.get([...registrationIds(key), documentId('key', key)]);
  const [appMark, taskMark] = documents.map((document) => document && markFrom(document.data));
  if (appMark !== app || taskMark !== task) return 'deleted';
  return isJsonObject(documents.at(-1)?.data.grant) ? 'restored' : 'lost';
}
