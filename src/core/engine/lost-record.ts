import { markFrom } from '../model/enrolment.js';
import { documentId, registrationIds } from '../model/token-key.js';
import { isJsonObject } from '../primitives/json.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { Registry } from '../registry/registry.js';
import type { Absence } from '../store/absence.js';
import type { SupervisedStore } from '../store/supervised-store.js';

/**
 * Decides why the store, in an unchanged history, has no record while one is cached. An unregistration deletes the task
 * first, so a record that is missing while its task exists with the same marks was not deleted on purpose but `lost`. A
 * record that exists by now was stored since that read began and has to be read again: `restored`. Only records with a
 * refresh token are checked, since any other token can be requested again. Documents of releases without marks leave
 * the reason open; their records count as `deleted`.
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
