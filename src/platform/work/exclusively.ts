import type { SupervisedStore } from '../../core/store/supervised-store.js';

/**
 * Runs work that one process of the fleet does at a time.
 *
 * @param id - the id of the document that says what is to be done.
 * @returns whether it was run, which it is not while another process does it.
 */
export async function exclusively(
  store: Pick<SupervisedStore, 'lease' | 'release'>,
  id: string,
  leaseMs: number,
  work: () => Promise<void>,
): Promise<boolean> {
  const lease = await store.lease(id, leaseMs);
  if (lease === undefined) return false;
  try {
    await work();
    return true;
  } finally {
    await store.release(lease);
  }
}
