import { noop } from '../primitives/noop.js';

/** Lets works of one name follow one another, and those of different names run side by side. */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<void>>();

  /** Does the work when those of the same name that came before have ended, however they did. */
  run<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const turn = (this.#last.get(name) ?? Promise.resolve()).then(work);
    const settled = turn.then(noop, noop).then(() => {
      if (this.#last.get(name) === settled) this.#last.delete(name);
    });
    this.#last.set(name, settled);
    return turn;
  }
}
