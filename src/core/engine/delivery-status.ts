import { isTokenError } from '../model/errors.js';
import { failureFacts } from '../model/failure-facts.js';
import type { StoredDocument } from '../model/store.js';
import {
  type Delivered,
  type DeliveryDocument,
  type FailingDelivery,
  pendingAt,
  readDeliveryDocument,
  targetOf,
} from '../store/delivery-document.js';
import type { DocumentReader } from '../store/document-reader.js';
import type { KeyDocument } from '../store/key-document.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';

/**
 * The status of the deliveries to the target of `notify`.
 *
 * @public
 */
export interface DeliveryStatus {
  /**
   * `delivered`: it has the newest token. `owed`: it is being notified. `failed`: it did not take it; see `lastError`.
   * `waiting`: there is no token to notify it of.
   */
  readonly state: 'delivered' | 'owed' | 'failed' | 'waiting';
  /** The version of the record that it has, if any. */
  readonly version: number | undefined;
  /** The instant at which the target took that version, in epoch milliseconds. */
  readonly deliveredAt: number | undefined;
  /** The number of deliveries that have failed in a row. */
  readonly attempts: number;
  /** The message of the last failure since the last success. */
  readonly lastError: string | undefined;
  /** The instant of the next attempt; `undefined` where there is none before there is a newer token. */
  readonly retryAt: number | undefined;
}

interface DeliveryStatusParts {
  readonly store: SupervisedStore;
  readonly reader: DocumentReader;
  readonly clock: StoreClock;
}

/** Returns the status of the deliveries of a key; `undefined` if it has no target. */
export async function deliveryStatus(
  notify: string | undefined,
  stored: StoredDocument | undefined,
  keyDocument: KeyDocument,
  parts: DeliveryStatusParts,
): Promise<DeliveryStatus | undefined> {
  if (notify === undefined) return undefined;
  const target = targetOf(notify);
  const document = await readDelivery(stored, target, parts);
  const delivered = document.delivered?.target === target ? document.delivered : undefined;
  const failing = document.failing?.target === target ? document.failing : undefined;
  const owed = pendingAt(document, keyDocument, target, parts.clock.now());
  return {
    state: stateOf(owed, failing, delivered),
    version: delivered?.recordVersion,
    deliveredAt: delivered?.at,
    attempts: failing?.attempts ?? 0,
    lastError: failing?.error.message,
    retryAt: failing?.retryAt,
  };
}

function stateOf(
  owed: ReturnType<typeof pendingAt>,
  failing: FailingDelivery | undefined,
  delivered: Delivered | undefined,
): DeliveryStatus['state'] {
  if (failing !== undefined) return 'failed';
  if (owed !== undefined) return 'owed';
  return delivered === undefined ? 'waiting' : 'delivered';
}

/** Reads a delivery document. An unreadable one affects only its own task. */
async function readDelivery(
  stored: StoredDocument | undefined,
  target: string,
  { store, reader, clock }: DeliveryStatusParts,
): Promise<DeliveryDocument> {
  try {
    return await reader.read(stored, readDeliveryDocument);
  } catch (error) {
    if (store.failsToRead || !isTokenError(error)) throw error;
    const now = clock.now();
    const failing = { recordVersion: 0, target, attempts: 0, since: now, failedAt: now, error: failureFacts(error) };
    return { version: 0, unknown: {}, failing };
  }
}
