import type { RefreshedEvent } from '../model/events.js';
import { isFromTheFuture, repeats } from '../model/refresh-policy.js';
import {
  afterGrant,
  continuesFrom,
  isOfNoMoreUse,
  type ReceivedToken,
  type Rotation,
  type Spent,
  withoutIntent,
  withReserve,
} from '../model/rotation.js';
import { isNarrower, withScopesOf } from '../model/scope.js';
import type { KeyDocument, StoredGrant } from '../store/key-document.js';

/** The origin of a grant. */
export interface GrantOrigin {
  readonly source: RefreshedEvent['source'];
  /** The refresh token that came with the grant. */
  readonly received?: ReceivedToken | undefined;
  /** The input that was sent to get it. */
  readonly spent?: Spent | undefined;
}

/** The outcome for a grant, given what the store has. */
export type Verdict =
  /** Another refresh token has replaced the one that it was got with. */
  | { readonly kind: 'standBack' }
  /** It only repeats the grant in the document. */
  | { readonly kind: 'repeats'; readonly document: KeyDocument; readonly winner: StoredGrant }
  /** The grant in the document stays in force. */
  | { readonly kind: 'yields'; readonly document: KeyDocument; readonly winner: StoredGrant }
  /** The document is to be written. `isBeside`: its grant stays, and what the new one brought is stored beside it. */
  | { readonly kind: 'writes'; readonly next: KeyDocument; readonly inForce: StoredGrant; readonly isBeside: boolean };

/**
 * Returns what becomes of a grant. The age decides between two answers of one authorization. It says nothing of two
 * authorizations, each of which may have the only good refresh token, so that no put of an unknown one is dropped for its age.
 */
export function verdictOn(got: StoredGrant, document: KeyDocument, origin: GrantOrigin, now: number): Verdict {
  if (!mayFollow(document, origin)) return { kind: 'standBack' };
  const { source, received, spent } = origin;
  const { hidden, grant: current } = document;
  const consented = current ?? hidden;
  const grant = isOfStoredToken(spent) ? withScopesOf(got, consented) : got;
  if (consented !== undefined && source === 'put' && keepsConsent(document.rotation, consented, grant, now))
    return { kind: 'yields', document, winner: consented };
  const rotation = afterGrant(document.rotation, received, spent, now);
  const brings = brought(document.rotation, rotation, received, now);
  const isAuthorization = spent === undefined && brings === 'another';
  const isOlder =
    current !== undefined && isNewer(current, grant, now) && !(isAuthorization && isNarrower(current, grant));
  // A refresh token that was paid for with another must be stored, whatever has become of the grant.
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

/** Returns whether what was got by a refresh may follow what is stored. */
export function mayFollow({ version, rotation }: KeyDocument, { spent }: Pick<GrantOrigin, 'spent'>): boolean {
  return spent === undefined || version === 0 || continuesFrom(rotation, spent);
}

/** Returns whether the grant was got with the refresh token that is stored, and not with one that was offered. */
function isOfStoredToken(spent: Spent | undefined): boolean {
  return spent !== undefined && spent.hash === spent.base;
}

/** Returns what a rotation has that the one before it lacks. `life`: the same refresh token, which was of no more use. */
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
 * Returns whether a login with fewer scopes leaves the stored grant in force, because the user would have to be asked again
 * for the others. One of which nothing usable can come any more is replaced.
 */
function keepsConsent(rotation: Rotation | undefined, current: StoredGrant, grant: StoredGrant, now: number): boolean {
  if (!isNarrower(grant, current)) return false;
  if (rotation?.token === undefined) return current.expiresAt > now && !isFromTheFuture(current, now);
  return !isOfNoMoreUse(rotation, now);
}

function isNewer(current: StoredGrant, grant: StoredGrant, now: number): boolean {
  return current.obtainedAt > grant.obtainedAt && !isFromTheFuture(current, now);
}
