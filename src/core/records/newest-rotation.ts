import { isKnown, type Rotation, withReserve } from '../model/rotation.js';

/**
 * Returns which of two rotations continues: the stored one or the cached one. The rotation that knows the refresh token
 * of the other is the newer one. If neither does, they belong to two authorizations or are far apart; then the newer
 * record decides, and the other refresh token is kept in reserve.
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
