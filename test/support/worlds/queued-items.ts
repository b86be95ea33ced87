import { NOT_QUEUED, type Queued } from '../../../src/core/concurrency/due-queue.js';

/** An item in a queue that has a name of its own. */
export interface QueuedItem extends Queued {
  readonly id: string;
}

/** Keeps one item for each name. */
export class QueuedItems {
  readonly #items = new Map<string, QueuedItem>();

  of(id: string): QueuedItem {
    const known = this.#items.get(id) ?? { id, place: NOT_QUEUED };
    this.#items.set(id, known);
    return known;
  }
}
