import { isSameMark } from '../model/enrolment.js';
import { registrationIds, type TokenKey } from '../model/token-key.js';

/** The version of a cached app or task that comes from a store which has been replaced. No store assigns it. */
export const OF_ANOTHER_STORE = 0;

/** The cached apps and tasks. */
interface Held {
  versionOf(id: string): number | undefined;
  heldIds(): Iterable<string>;
  reload(id: string): Promise<void>;
}

/**
 * Returns whether the app or task with this id is left over: it comes from a store that has been replaced, and the new
 * store does not have it so far.
 */
export function isLeftOver(held: Pick<Held, 'versionOf'>, id: string): boolean {
  return held.versionOf(id) === OF_ANOTHER_STORE;
}

/** Returns whether any app or task is left over. */
export function hasLeftOvers(held: Pick<Held, 'versionOf' | 'heldIds'>): boolean {
  for (const id of held.heldIds()) if (isLeftOver(held, id)) return true;
  return false;
}

/** Reads the left-over documents of a key's app and task again, and returns whether one of them is still left over. */
export async function remainsLeftOver(held: Pick<Held, 'versionOf' | 'reload'>, key: TokenKey): Promise<boolean> {
  const leftOver = registrationIds(key).filter((id) => isLeftOver(held, id));
  await Promise.all(leftOver.map((id) => held.reload(id)));
  return leftOver.some((id) => isLeftOver(held, id));
}

interface Enrolled {
  readonly version: number;
  readonly enrolment?: string | undefined;
}

/**
 * Returns whether a cached app or task has been unregistered and registered again. Another store assigns other marks as
 * well, so a left-over one does not count.
 */
export function isEnrolledAnew(held: Enrolled | undefined, found: Enrolled): boolean {
  return held !== undefined && held.version !== OF_ANOTHER_STORE && !isSameMark(held.enrolment, found.enrolment);
}
