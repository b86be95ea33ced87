import type { FailureFacts } from '../model/failure-facts.js';
import { FUTURE_TOLERANCE_MS } from '../model/refresh-policy.js';
import type { StoredDocument } from '../model/store.js';
import type { JsonObject } from '../primitives/json.js';
import { isJsonObject } from '../primitives/json.js';
import { secretHash } from '../primitives/secret-hash.js';
import { unseal } from './document-codec.js';
import type { KeyDocument, StoredGrant } from './key-document.js';

/** The least difference of two expiries of one token that counts as an extension, since WeChat answers in whole seconds. */
const EXTENDED_BY_MS = 5_000;

/** The stored state of the deliveries of one key. It contains the version that was delivered, but never the token. */
export interface DeliveryDocument {
  /** The version of the document; 0 if there is none. */
  readonly version: number;
  readonly delivered?: Delivered;
  readonly failing?: FailingDelivery | undefined;
  /** The fields of another release, which are preserved when the document is rewritten. */
  readonly unknown: JsonObject;
}

export interface Delivered {
  /** The version of the record. */
  readonly recordVersion: number;
  readonly at: number;
  readonly target: string;
  /** The hash of the token, because a new version with the same token and lifetime does not have to be delivered. */
  readonly token: string;
  /** The expiry of the token as it was delivered, in epoch milliseconds; absent in documents of earlier releases. */
  readonly expiresAt?: number;
}

/** The attempts since the last successful delivery. */
export interface FailingDelivery {
  readonly recordVersion: number;
  readonly target: string;
  readonly attempts: number;
  /** The instant at which the first of these attempts failed. */
  readonly since: number;
  readonly failedAt: number;
  /** The instant of the next attempt; absent if no attempt is made until there is a newer token. */
  readonly retryAt?: number;
  readonly error: FailureFacts;
}

/** Returns what is stored of a grant that its target has accepted. */
export function deliveredGrant(
  { value, expiresAt }: StoredGrant,
  delivery: Pick<Delivered, 'recordVersion' | 'at' | 'target'>,
): Delivered {
  return { ...delivery, token: secretHash(value), expiresAt };
}

/** Returns a hash that identifies a target without storing its URL. */
export function targetOf(notify: string): string {
  return secretHash(notify);
}

/**
 * Reads the state of deliveries from its document.
 *
 * @throws what {@link unseal} throws.
 */
export function readDeliveryDocument(document: StoredDocument | undefined): DeliveryDocument {
  if (document === undefined) return { version: 0, unknown: {} };
  const { delivered, failing, ...unknown } = unseal(document);
  return {
    version: document.version,
    unknown,
    ...(isJsonObject(delivered) ? { delivered: delivered as unknown as Delivered } : {}),
    ...(isJsonObject(failing) ? { failing: failing as unknown as FailingDelivery } : {}),
  };
}

export function deliveryContent({ delivered, failing, unknown }: Omit<DeliveryDocument, 'version'>): JsonObject {
  return {
    ...unknown,
    ...(delivered === undefined ? {} : { delivered: { ...delivered } }),
    ...(failing === undefined ? {} : { failing: { ...failing } }),
  };
}

/**
 * Returns the instant from which the current token may be delivered to the target. It is in the past if the delivery
 * may begin at once; `never` if the delivery has failed for so long that no attempt is made before there is a newer
 * token; and `undefined` if no delivery is pending, for example because the token has expired.
 */
export function pendingAt(
  document: DeliveryDocument,
  { grant, recordVersion }: KeyDocument,
  target: string,
  now: number,
): number | 'never' | undefined {
  if (grant === undefined || grant.expiresAt <= now) return undefined;
  const { delivered, failing } = document;
  const isNew = recordVersion > (delivered?.recordVersion ?? 0) && !isKnown(delivered, grant);
  if (delivered?.target === target && !isNew) return undefined;
  // A failure in the future was noted by a clock that was wrong, and is ignored.
  if (failing === undefined || failing.target !== target || failing.failedAt > now + FUTURE_TOLERANCE_MS) return 0;
  if (failing.retryAt !== undefined) return Math.min(failing.retryAt, now + (failing.retryAt - failing.failedAt));
  return failing.recordVersion < recordVersion ? 0 : 'never';
}

/**
 * Returns whether the target knows this token and its lifetime. A refresh extends the life of a user's token that is still
 * valid: a target that is not told of that drops its copy at the earlier expiry. A record that was put back in a replaced
 * store has another version, but tells the target nothing new.
 */
function isKnown(delivered: Delivered | undefined, { value, obtainedAt, expiresAt }: StoredGrant): boolean {
  if (delivered?.token !== secretHash(value)) return false;
  if (delivered.expiresAt === undefined) return obtainedAt <= delivered.at;
  return expiresAt - delivered.expiresAt <= EXTENDED_BY_MS;
}
