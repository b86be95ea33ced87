import type { FailureFacts } from '../model/failure-facts.js';
import { FUTURE_TOLERANCE_MS } from '../model/refresh-policy.js';
import type { StoredDocument } from '../model/store.js';
import type { JsonObject } from '../primitives/json.js';
import { isJsonObject } from '../primitives/json.js';
import { secretHash } from '../primitives/secret-hash.js';
import { unseal } from './document-codec.js';
import type { KeyDocument } from './key-document.js';

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
  /** The hash of the token, because a new version with the same token does not have to be delivered. */
  readonly token: string;
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
  const isNew = recordVersion > (delivered?.recordVersion ?? 0) && delivered?.token !== secretHash(grant.value);
  if (delivered?.target === target && !isNew) return undefined;
  // A failure in the future was noted by a clock that was wrong, and is ignored.
  if (failing === undefined || failing.target !== target || failing.failedAt > now + FUTURE_TOLERANCE_MS) return 0;
  if (failing.retryAt !== undefined) return Math.min(failing.retryAt, now + (failing.retryAt - failing.failedAt));
  return failing.recordVersion < recordVersion ? 0 : 'never';
}
