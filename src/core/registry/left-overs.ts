import { isSameMark } from '../model/enrolment.js';
import { registrationIds, type TokenKey } from '../model/token-key.js';

/** The version of what is held although the store that showed it has been replaced; no store gives it. */
export const OF_ANOTHER_STORE = 0;

/** The apps and tasks that are held. */
interface Held {
  versionOf(id: string): number | undefined;
  heldIds(): Iterable<string>;
  reload(id: string): Promise<void>;
}

/** Returns whether what is held under this id comes from a store that has been replaced, and the one in its place lacks it so far. */
export function isLeftOver(held: Pick<Held, 'versionOf'>, id: string): boolean {
  return held.versionOf(id) === OF_ANOTHER_STORE;
}

/** Returns whether any app or task is left over. */
export function hasLeftOvers(held: Pick<Held, 'versionOf' | 'heldIds'>): boolean {
  for (const id of held.heldIds()) if (isLeftOver(held, id)) return true;
  return false;
}

/** Reads again what is left over of the app and the task of a key, and returns whether it still is. */
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
 * Returns whether what was held has been unregistered and registered again. Another store gives it another mark as well, and
 * what is left over stays good there.
 */
export function isEnrolledAnew(held: Enrolled | undefined, found: Enrolled): boolean {
  return held !== undefined && held.version !== OF_ANOTHER_STORE && !isSameMark(held.enrolment, found.enrolment);
}
