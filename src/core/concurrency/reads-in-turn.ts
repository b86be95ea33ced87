import { noop } from '../primitives/noop.js';

/** Allows one read of a document at a time, so that an earlier answer cannot arrive after a later one. */
export class ReadsInTurn {
  readonly #underWay = new Map<string, Promise<void>>();
  /** The reads that follow those in progress. */
  readonly #next = new Map<string, Promise<void>>();

  /** Returns the read of this document that is in progress; `undefined` if there is none. */
  of(id: string): Promise<void> | undefined {
    return this.#underWay.get(id);
  }

  /** Begins a read of these documents. None of them may be being read already. */
  begin(ids: readonly string[], read: () => Promise<void>): Promise<void> {
    const reading = read().finally(() => {
      for (const id of ids) if (this.#underWay.get(id) === reading) this.#underWay.delete(id);
    });
    for (const id of ids) this.#underWay.set(id, reading);
    return reading;
  }

  /** Reads a document by a read that begins after the call. Calls during a read share the next one. */
  again(id: string, read: () => Promise<void>): Promise<void> {
    if (!this.#underWay.has(id)) return this.begin([id], read);
    let next = this.#next.get(id);
    if (next === undefined) this.#next.set(id, (next = this.#readNext(id, read)));
    return next;
  }

  async #readNext(id: string, read: () => Promise<void>): Promise<void> {
    for (let under = this.#underWay.get(id); under !== undefined; under = this.#underWay.get(id)) {
      await under.catch(noop);
    }
    this.#next.delete(id);
    await this.begin([id], read);
  }
}
