import { isKnown, type Rotation, withReserve } from '../model/rotation.js';

/**
 * Returns which of two rotations goes on, of one that the store shows and one that was in force before: the one that knows the
 * refresh token of the other, which is older then. Where neither does, they belong to two authorizations, or are far apart: the
 * age of the records decides, and the other refresh token stays in reserve.
 */
export function newestRotation(
  stored: Rotation | undefined,
  held: Rotation | undefined,
  isHeldNewer: boolean,
  now: number,
): Rotation | undefined {
  if (held === undefined) return stored;
  if (stored?.token === undefined) return stored === undefined ? held : { ...stored, ...held };
  if (held.token === undefined || held.token === stored.token || isKnown(stored, held.token)) return stored;
  if (isKnown(held, stored.token)) return held;
  return isHeldNewer ? withReserve(held, stored, now) : withReserve(stored, held, now);
}
