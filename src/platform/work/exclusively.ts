import type { SupervisedStore } from '../../core/store/supervised-store.js';

/**
 * Runs work that one process of the fleet does at a time.
 *
 * @param id - the id of the document that says what is to be done.
 * @returns the result; `undefined` while another process does it.
 */
export async function exclusively<Result>(
  store: Pick<SupervisedStore, 'lease' | 'release'>,
  id: string,
  leaseMs: number,
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  const lease = await store.lease(id, leaseMs);
  if (lease === undefined) return undefined;
  try {
    return await work();
  } finally {
    await store.release(lease);
  }
}
