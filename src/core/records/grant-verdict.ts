import type { RefreshedEvent } from '../model/events.js';
import { isFromTheFuture, repeats } from '../model/refresh-policy.js';
import {
  afterGrant,
  continuesFrom,
  isOfNoMoreUse,
  isOfStoredToken,
  type ReceivedToken,
  type Rotation,
  type Spent,
  withoutIntent,
  withReserve,
} from '../model/rotation.js';
import { isNarrower, withScopesOf } from '../model/scope.js';
import type { KeyDocument, StoredGrant } from '../store/key-document.js';
import { isReserved, withSuccessor } from './reserved-tokens.js';

/** The origin of a grant. */
export interface GrantOrigin {
  readonly source: RefreshedEvent['source'];
  /** The refresh token that was received with the grant. */
  readonly received?: ReceivedToken | undefined;
  /** The input that was sent to obtain the grant. */
  readonly spent?: Spent | undefined;
}

/** The decision on a new grant, given the document in the store. */
export type Verdict =
  /** The grant is dropped, because the refresh token that it was obtained with has been replaced by another. */
  | { readonly kind: 'standBack' }
  /** The grant only repeats the one in the document. */
  | { readonly kind: 'repeats'; readonly document: KeyDocument; readonly winner: StoredGrant }
  /** The grant in the document stays current. */
  | { readonly kind: 'yields'; readonly document: KeyDocument; readonly winner: StoredGrant }
  /**
   * The document has to be written. `isBeside` means that its grant stays current and the refresh token of the new
   * grant is stored beside it.
   */
  | { readonly kind: 'writes'; readonly next: KeyDocument; readonly inForce: StoredGrant; readonly isBeside: boolean };

/**
 * Decides on a new grant. Between two answers for one authorization, the later one wins. Age does not decide between
 * two authorizations, since each may have the only valid refresh token; a grant that is put with an unknown refresh
 * token is therefore never dropped for its age.
 */
export function verdictOn(got: StoredGrant, document: KeyDocument, origin: GrantOrigin, now: number): Verdict {
  if (!mayFollow(document, origin)) return { kind: 'standBack' };
  const { source, received, spent } = origin;
  const { hidden, grant: current } = document;
  const consented = current ?? hidden;
  const isOfStored = spent !== undefined && isOfStoredToken(document.rotation, spent);
  const grant = isOfStored ? withScopesOf(got, consented) : got;
  if (consented !== undefined && source === 'put' && keepsConsent(document.rotation, consented, grant, now))
    return { kind: 'yields', document, winner: consented };
  const rotation = rotationAfter(document.rotation, origin, now);
  const succeedsReserved = received !== undefined && spent !== undefined && isReserved(document.rotation, spent);
  const brings = succeedsReserved ? 'another' : brought(document.rotation, rotation, received, now);
  const isAuthorization = spent === undefined && brings === 'another';
  const isOlder =
    current !== undefined && isNewer(current, grant, now) && !(isAuthorization && isNarrower(current, grant));
  // A refresh token that was obtained by spending another must be stored, whatever becomes of its grant.
  const mustWrite =
    brings === 'another' || brings === 'life' || (brings === 'deadline' && (spent !== undefined || !isOlder));
  if (!mustWrite && current !== undefined) {
    const kept = { ...document, rotation: withoutIntent(document.rotation) };
    if (repeats(current, grant) && !isFromTheFuture(current, now)) {
      return { kind: 'repeats', document: kept, winner: current };
    }
    if (isOlder) return { kind: 'yields', document: kept, winner: current };
  }
  const isLate = isAuthorization && isOlder;
  const next = {
    ...document,
    rotation: isLate && rotation !== undefined ? withReserve(rotation, document.rotation, now) : rotation,
  };
  return { kind: 'writes', next, inForce: isOlder ? current : grant, isBeside: isOlder };
}

/** Returns whether the result of a refresh may follow the stored document. */
export function mayFollow({ version, rotation }: KeyDocument, { spent }: Pick<GrantOrigin, 'spent'>): boolean {
  return spent === undefined || version === 0 || continuesFrom(rotation, spent) || isReserved(rotation, spent);
}

/** Returns the rotation after a grant that {@link mayFollow} the stored document. */
export function rotationAfter(
  rotation: Rotation | undefined,
  { received, spent }: Pick<GrantOrigin, 'received' | 'spent'>,
  now: number,
): Rotation | undefined {
  return spent !== undefined && isReserved(rotation, spent)
    ? withSuccessor(rotation, received, spent)
    : afterGrant(rotation, received, spent, now);
}

/**
 * Returns what a rotation adds to the one before it. `life` means that the same refresh token was unusable before and
 * is usable again.
 */
function brought(
  before: Rotation | undefined,
  after: Rotation | undefined,
  received: ReceivedToken | undefined,
  now: number,
): 'another' | 'life' | 'deadline' | 'nothing' {
  if (after?.token !== before?.token) return 'another';
  if (received === undefined) return 'nothing';
  if (isOfNoMoreUse(before, now) && !isOfNoMoreUse(after, now)) return 'life';
  return after?.expiresAt === before?.expiresAt ? 'nothing' : 'deadline';
}

/**
 * Returns whether a login with fewer scopes leaves the stored grant current, because the user would have to consent to
 * the other scopes again. A stored grant that can no longer bring a usable token is replaced.
 */
function keepsConsent(rotation: Rotation | undefined, current: StoredGrant, grant: StoredGrant, now: number): boolean {
  if (!isNarrower(grant, current)) return false;
  if (rotation?.token === undefined) return current.expiresAt > now && !isFromTheFuture(current, now);
  return !isOfNoMoreUse(rotation, now);
}

function isNewer(current: StoredGrant, grant: StoredGrant, now: number): boolean {
  return current.obtainedAt > grant.obtainedAt && !isFromTheFuture(current, now);
}
