import { belongsTo, type Enrolment, markFrom } from '../model/enrolment.js';
import { isTokenError } from '../model/errors.js';
import type { Registrations } from '../model/registrations.js';
import { appDocumentId, documentId, registrationIds, type TokenKey } from '../model/token-key.js';
import type { Absence } from './absence.js';
import type { SupervisedStore } from './supervised-store.js';

/**
 * The state of a registration compared with an earlier one: it is the `same`; it is `gone`; it was made `anew` after an
 * unregistration; or it is `awaited`, because the store was replaced and the registration has not been put back yet.
 */
export type RegistrationState = 'same' | 'anew' | 'gone' | 'awaited';

/**
 * Returns the state of the registration of the app, and of the task if there was one. An unregistration deletes the
 * document of the key, which a refresh in progress must not write again. A registration does not count as gone if the
 * store does not answer or has lost it.
 */
export async function checkRegistration(
  store: SupervisedStore,
  key: TokenKey,
  enrolment: Enrolment,
): Promise<RegistrationState> {
  const ids = enrolment.hadTask ? registrationIds(key) : [appDocumentId(key.appid)];
  try {
    let found = await look(store, ids);
    // The documents are read again, because missing ones may have been put back while their absence was judged.
    if (found.absences.some((absence) => absence !== 'lost')) found = await look(store, ids);
    if (found.absences.includes('deleted')) return 'gone';
    if (found.absences.includes('awaited')) return 'awaited';
    if (found.marks.some((mark) => mark !== undefined && store.isToBeRemoved(mark))) return 'awaited';
    const [app, task] = found.marks;
    if (belongsTo({ app, task }, enrolment)) return 'same';
    // Other marks may also mean that the store was replaced, so the history is checked.
    await store.lookAtHistory();
    return 'anew';
  } catch (error) {
    if (isTokenError(error)) return 'same';
    throw error;
  }
}

/**
 * Deletes the document of a key, which was created for a registration, if that has ended meanwhile.
 *
 * @param version - the version with which the document was created. Another one is left alone.
 * @returns whether the registration has ended.
 * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
 */
export async function deleteIfEnded(
  store: SupervisedStore,
  key: TokenKey,
  version: number,
  enrolment: Enrolment,
): Promise<boolean> {
  if ((await checkRegistration(store, key, enrolment)) !== 'gone') return false;
  await store.delete(documentId('key', key), version);
  return true;
}

/**
 * Returns whether a refresh may begin again for a key whose registration is no longer the `same`: the key is registered
 * now or, if a caller waits, it can be refreshed without its task.
 */
export async function mayBeginAgain(
  registry: Registrations,
  key: TokenKey,
  enrolment: Enrolment,
  callerWaits: boolean,
): Promise<boolean> {
  await reloadRegistration(registry, key);
  if (!registry.hasApp(key.appid)) return false;
  const now = registry.enrolment(key);
  return !belongsTo(enrolment, now) || (callerWaits && enrolment.hadTask && !now.hadTask);
}

/** Reads the registration of a key again, because the notification of a change may not have arrived yet. */
export async function reloadRegistration(registry: Registrations, key: TokenKey): Promise<void> {
  await Promise.all(registrationIds(key).map((id) => registry.reload(id)));
}

interface Found {
  readonly absences: readonly (Absence | 'awaited')[];
  /** The mark of each document; `undefined` if there is none. */
  readonly marks: readonly (string | undefined)[];
}

async function look(store: SupervisedStore, ids: readonly string[]): Promise<Found> {
  const documents = await store.get(ids);
  const missing = ids.filter((_, index) => documents[index] === undefined);
  const absences: (Absence | 'awaited')[] = [];
  for (const id of missing) {
    const absence = await store.judgeAbsence(id);
    absences.push(absence === 'deleted' && store.isAwaited(id) ? 'awaited' : absence);
  }
  return {
    absences,
    marks: documents.map((document) => (document === undefined ? undefined : markFrom(document.data))),
  };
}
