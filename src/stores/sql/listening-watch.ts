import { ChangePoll, type ChangePollParts } from './change-poll.js';

/** Resolves to a function that ends the listening. */
export type Listen = (notified: () => void) => Promise<() => Promise<void>>;

/** Looks for changes, and at once where the database tells of them. It can be ended while it has not begun. */
export class ListeningWatch {
  readonly #parts: ChangePollParts;
  #poll: ChangePoll | undefined;
  #endListening: (() => Promise<void>) | undefined;
  #hasEnded = false;

  constructor(parts: ChangePollParts) {
    this.#parts = parts;
  }

  /**
   * Begins to look and to listen, unless it is ended meanwhile.
   *
   * @throws what the database or `listen` fails with. It has to be ended then too.
   */
  async start(listen: Listen | undefined): Promise<void> {
    const poll = await ChangePoll.start(this.#parts);
    this.#poll = poll;
    if (this.#hasEnded) return poll.end();
    const endListening = listen === undefined ? undefined : await listen(() => poll.wake());
    // An end that came before did not know of it.
    if (this.#hasEnded) await endListening?.();
    else this.#endListening = endListening;
  }

  /** Ends what has begun; what is being asked for is ended as soon as it is granted. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    await Promise.all([this.#poll?.end(), this.#endListening?.()]);
  }
}
