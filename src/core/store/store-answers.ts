import type { Lease, StoredDocument } from '../model/store.js';
import { isJsonObject } from '../primitives/json.js';
import { StoreFailure } from '../primitives/store-failure.js';

/** Returns the documents in the answer of a store, after checking that they are those that were asked for. */
export function checkedDocuments(ids: readonly string[], documents: unknown): (StoredDocument | undefined)[] {
  const answers = Array.isArray(documents) ? (documents as (StoredDocument | undefined | null)[]) : [];
  if (answers.length !== ids.length) throw new WrongAnswer('as many documents as ids');
  return answers.map((document, index) => checkedDocument(ids[index] as string, document));
}

export function checkedInstant(now: unknown): number {
  if (typeof now !== 'number' || !Number.isFinite(now)) throw new WrongAnswer('epoch milliseconds');
  return now;
}

/** Returns the version that a write has returned. Drivers of databases return `null` where there is nothing. */
export function checkedVersion(version: unknown): number | undefined {
  if (version === undefined || version === null) return undefined;
  if (typeof version !== 'number' || !Number.isFinite(version)) throw new WrongAnswer('the new version as a number');
  return version;
}

export function checkedLease(id: string, lease: Lease | undefined | null): Lease | undefined {
  if (lease === undefined || lease === null) return undefined;
  if (lease.document !== undefined) checkedDocument(id, lease.document);
  return lease;
}

export function checkedClaims(leases: Lease[]): Lease[] {
  if (!Array.isArray(leases)) throw new WrongAnswer('a list of leases');
  for (const lease of leases) checkedLease(lease.id, lease);
  return leases;
}

function checkedDocument(id: string, document: StoredDocument | undefined | null): StoredDocument | undefined {
  if (document === undefined || document === null) return undefined;
  if (document.id !== id || !Number.isFinite(document.version) || !isJsonObject(document.data)) {
    throw new WrongAnswer('the document with the id that was asked for');
  }
  return document;
}

/** Reports an answer of a store that violates the contract of stores. It shows nothing of the answer. */
class WrongAnswer extends StoreFailure {
  override readonly name: string = 'WrongAnswer';

  constructor(expected: string) {
    super(`the store must return ${expected}`);
  }
}
