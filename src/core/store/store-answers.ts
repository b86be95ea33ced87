import type { Lease, StoredDocument } from '../model/store.js';
import { isJsonObject } from '../primitives/json.js';

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

export function checkedLease(id: string, lease: Lease | undefined): Lease | undefined {
  if (lease?.document !== undefined) checkedDocument(id, lease.document);
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

/** Reports an answer of a store that violates the contract of stores. */
class WrongAnswer extends Error {
  override readonly name: string = 'WrongAnswer';

  constructor(expected: string) {
    super(`the store must return ${expected}`);
  }
}
