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
  if (held.token === undefined) return stored;
  if (held.token === stored.token || isKnown(stored, held.token)) return withUnknownReserve(stored, held, now);
  if (isKnown(held, stored.token)) return withUnknownReserve(held, stored, now);
  return isHeldNewer ? withReserve(held, stored, now) : withReserve(stored, held, now);
}

/**
 * Adds what another rotation has in reserve and this one has never had: that came into the reserve of another state of
 * the store. What this one has had is missing from its reserve because it was sent.
 */
function withUnknownReserve(rotation: Rotation, { reserve = [], refused = [] }: Rotation, now: number): Rotation {
  const unknown = reserve.filter(({ token }) => !isKnown(rotation, token));
  return withReserve(rotation, { reserve: unknown, refused }, now);
}
