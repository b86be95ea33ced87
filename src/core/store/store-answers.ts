import type { Lease, StoredDocument } from '../model/store.js';
import { isJsonObject } from '../primitives/json.js';

/** Returns the documents that a store has answered with, which are believed only where they answer the question. */
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

/** Is thrown when the store answers something other than it must. */
class WrongAnswer extends Error {
  override readonly name: string = 'WrongAnswer';

  constructor(expected: string) {
    super(`the store must answer ${expected}`);
  }
}
