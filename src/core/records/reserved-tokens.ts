import {
  continuesFrom,
  MAX_KNOWN,
  type ReceivedToken,
  type Rotation,
  type Spent,
  withoutIntent,
} from '../model/rotation.js';
import { secretHash } from '../primitives/secret-hash.js';

/**
 * Returns whether the refresh token that was sent has been moved to the reserve since: an older grant with another
 * refresh token was put meanwhile, and it is unknown which of the two is valid.
 */
export function isReserved(rotation: Rotation | undefined, spent: Spent): boolean {
  if (rotation === undefined || continuesFrom(rotation, spent)) return false;
  return rotation.reserve?.some(({ token }) => secretHash(token) === spent.hash) === true;
}

/**
 * Returns the rotation after a grant that was obtained with a refresh token which is in the reserve now: what came with
 * the grant takes its place there. The stored refresh token, for which WeChat has not answered, stays first.
 */
export function withSuccessor(
  rotation: Rotation | undefined,
  received: ReceivedToken | undefined,
  { hash }: Spent,
): Rotation | undefined {
  const answered = withoutIntent(rotation);
  if (answered === undefined || received === undefined) return answered;
  const { reserve = [], known = [] } = answered;
  const [first, ...later] = known;
  const successor = secretHash(received.value);
  const others = later.filter((one) => one !== successor);
  return {
    ...answered,
    known: first === undefined ? [successor] : [first, ...[...others, successor].slice(-MAX_KNOWN)],
    reserve: reserve.map((entry) => {
      if (secretHash(entry.token) !== hash) return entry;
      const expiresAt = received.expiresAt ?? entry.expiresAt;
      return { token: received.value, ...(expiresAt === undefined ? {} : { expiresAt }) };
    }),
  };
}
