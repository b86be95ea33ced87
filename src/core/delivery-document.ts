import { unseal } from './document-codec.js';
import type { FailureFacts } from './failure-facts.js';
import type { JsonObject } from './json.js';
import { isJsonObject } from './json.js';
import { secretHash } from './secret-hash.js';
import type { StoredDocument } from './store.js';

/** What the store remembers of the deliveries of one key: which version arrived, never the token. */
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
}

/** How the attempts have gone since the last success. */
export interface FailingDelivery {
  readonly recordVersion: number;
  readonly target: string;
  readonly attempts: number;
  /** When the first of them failed. */
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

/** Whether the target has yet to be told of this version of the record. */
export function isOwed({ delivered }: DeliveryDocument, recordVersion: number, target: string): boolean {
  return delivered === undefined || delivered.target !== target || delivered.recordVersion < recordVersion;
}

/** When the next attempt may be made, `undefined` when none is to be made for this version. */
export function nextDeliveryAt(
  { failing }: DeliveryDocument,
  recordVersion: number,
  target: string,
): number | undefined {
  if (failing === undefined || failing.target !== target) return Number.NEGATIVE_INFINITY;
  if (failing.retryAt !== undefined) return failing.retryAt;
  return failing.recordVersion < recordVersion ? Number.NEGATIVE_INFINITY : undefined;
}
