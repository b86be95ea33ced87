import { belongsTo, type Enrolment, markFrom } from '../model/enrolment.js';
import { isTokenError } from '../model/errors.js';
import type { Registrations } from '../model/registrations.js';
import { appDocumentId, registrationIds, type TokenKey } from '../model/token-key.js';
import type { Absence, SupervisedStore } from './supervised-store.js';

/**
 * The state of a registration: it is the `same`, it is `gone`, it was made `anew` after it had gone, or it is `awaited`: the
 * store was replaced, and the one in its place lacks it so far.
 */
export type RegistrationState = 'same' | 'anew' | 'gone' | 'awaited';

/**
 * Returns what has become of the app, and of the task where there was one. An unregistration deletes the key's document; a
 * refresh that was under way must not bring it back. A store that does not answer, and one that has lost what it held, have
 * not said that it is gone.
 */
export async function checkRegistration(
  store: SupervisedStore,
  key: TokenKey,
  enrolment: Enrolment,
): Promise<RegistrationState> {
  const ids = enrolment.hadTask ? registrationIds(key) : [appDocumentId(key.appid)];
  try {
    let found = await look(store, ids);
    // What was missing may have been put back while that was judged.
    if (found.absences.some((absence) => absence !== 'lost')) found = await look(store, ids);
    if (found.absences.includes('deleted')) return 'gone';
    if (found.absences.includes('awaited')) return 'awaited';
    const [app, task] = found.marks;
    if (belongsTo({ app, task }, enrolment)) return 'same';
    // A store that was replaced has other marks as well.
    await store.lookAtHistory();
    return 'anew';
  } catch (error) {
    if (isTokenError(error)) return 'same';
    throw error;
  }
}

/**
 * Returns whether a key whose registration was not the `same` any more is registered now, or, where a caller waits, can be
 * refreshed without its task.
 */
export async function mayBeginAgain(
  registry: Registrations,
  key: TokenKey,
  enrolment: Enrolment,
  callerWaits: boolean,
): Promise<boolean> {
  await Promise.all(registrationIds(key).map((id) => registry.reload(id)));
  if (!registry.hasApp(key.appid)) return false;
  const now = registry.enrolment(key);
  return !belongsTo(enrolment, now) || (callerWaits && enrolment.hadTask && !now.hadTask);
}

interface Found {
  readonly absences: readonly (Absence | 'awaited')[];
  /** The mark of each document; `undefined` where there is none. */
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
