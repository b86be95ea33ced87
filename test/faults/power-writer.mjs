// This process writes into a file store as fast as it can, reports what was acknowledged, and goes on after each power cut.
import { setTimeout as wait } from 'node:timers/promises';
import { FileStore } from 'wechat-token-manager';

const LEASE_MS = 100;
const MAX_PADDING = 3_000;

/** @typedef {{ id: string, version: number, counter: number }} Known */

/** @type {FileStore | undefined} */
let store;
/** @type {Promise<unknown>} */
let writers = Promise.resolve();
let isWriting = false;

/** @param {object} message */
function tell(message) {
  process.send?.(message);
}

/** @param {Known[]} documents */
async function keepWriting(documents) {
  while (isWriting) {
    for (const known of documents) {
      if (!isWriting) return;
      try {
        await writeNext(known);
      } catch (error) {
        isWriting = false;
        tell({ event: 'failed', at: Date.now(), reason: String(error) });
        return;
      }
    }
  }
}

/** @param {Known} known */
async function writeNext(known) {
  const { id, version, counter } = known;
  const next = counter + 1;
  const chance = Math.random();
  if (chance < 0.05 && version > 0) {
    tell({ event: 'deleting', id });
    if (!(await store?.delete(id, version))) throw new Error(`the delete of ${id} was refused without another writer`);
    // The mark of a delete has a version of its own, which the next write does not need.
    Object.assign(known, { version: 0 });
    tell({ event: 'deleted', id });
    return;
  }
  const lease = chance < 0.4 ? await store?.lease(id, LEASE_MS) : undefined;
  const data = { counter: next, padding: id.repeat(Math.floor((Math.random() * MAX_PADDING) / id.length)) };
  const written = await store?.set(id, data, version, lease === undefined ? {} : { lease });
  if (written === undefined) throw new Error(`the write of ${id} was refused without another writer`);
  Object.assign(known, { version: written, counter: next });
  tell({ event: 'written', id, version: written, counter: next });
}

/** @type {Record<string, (input: any) => Promise<void>>} */
const commands = {
  async write({ directory, documents, writers: count }) {
    store = new FileStore(directory);
    isWriting = true;
    const shares = Array.from({ length: count }, (_, writer) =>
      documents.filter((/** @type {Known} */ _known, /** @type {number} */ index) => index % count === writer),
    );
    writers = Promise.all(shares.map(keepWriting));
  },
  async stop() {
    isWriting = false;
    await writers;
    await store?.close().catch(() => undefined);
    await wait(0);
    tell({ event: 'stopped' });
  },
};

process.on('message', (/** @type {any} */ { command, ...input }) => void commands[command]?.(input));
tell({ event: 'ready' });
