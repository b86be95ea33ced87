import { NOT_QUEUED, type Queued } from '../../../src/core/concurrency/due-queue.js';

/** What stands in a queue under a name of its own. */
export interface QueuedItem extends Queued {
  readonly id: string;
}

/** The same item for the same name, until all are forgotten. */
export class QueuedItems {
  readonly #items = new Map<string, QueuedItem>();

  of(id: string): QueuedItem {
    const known = this.#items.get(id) ?? { id, place: NOT_QUEUED };
    this.#items.set(id, known);
    return known;
  }
}
