import type { FailureFacts } from '../model/failure-facts.js';
import { FUTURE_TOLERANCE_MS } from '../model/refresh-policy.js';
import type { StoredDocument } from '../model/store.js';
import type { JsonObject } from '../primitives/json.js';
import { isJsonObject } from '../primitives/json.js';
import { secretHash } from '../primitives/secret-hash.js';
import { unseal } from './document-codec.js';
import type { KeyDocument } from './key-document.js';

/** The state of the deliveries of one key as the store remembers it: which version arrived, never the token. */
export interface DeliveryDocument {
  /** The document's version, 0 when there is none. */
  readonly version: number;
  readonly delivered?: Delivered;
  readonly failing?: FailingDelivery | undefined;
  /** Fields of another release, kept through a rewrite. */
  readonly unknown: JsonObject;
}

export interface Delivered {
  /** The version of the record. */
  readonly recordVersion: number;
  readonly at: number;
  readonly target: string;
  /** The hash of the token: a new version of the same one is not owed. */
  readonly token: string;
}

/** The course of the attempts since the last success. */
export interface FailingDelivery {
  readonly recordVersion: number;
  readonly target: string;
  readonly attempts: number;
  /** The instant at which the first of them failed. */
  readonly since: number;
  readonly failedAt: number;
  /** Absent: not before there is a newer token. */
  readonly retryAt?: number;
  readonly error: FailureFacts;
}

/** Tells one target from another without holding its URL. */
export function targetOf(notify: string): string {
  return secretHash(notify);
}

/**
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
 * Returns the instant from which the target may be told of the token of `keyDocument`: in the past when at once, `never` when
 * it has failed for so long that it is not tried before there is a newer one. `undefined` when it is not owed, as what has
 * ended is not.
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
  // A failure that is noted as to come was noted by a wrong clock.
  if (failing === undefined || failing.target !== target || failing.failedAt > now + FUTURE_TOLERANCE_MS) return 0;
  if (failing.retryAt !== undefined) return Math.min(failing.retryAt, now + (failing.retryAt - failing.failedAt));
  return failing.recordVersion < recordVersion ? 0 : 'never';
}
