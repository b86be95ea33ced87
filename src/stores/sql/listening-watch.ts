import { ChangePoll, type ChangePollParts } from './change-poll.js';
import { sqlFailure } from './sql-failure.js';

/** A function that starts to listen, and resolves to a function that stops it. */
export type Listen = (notified: () => void) => Promise<() => Promise<void>>;

/** Polls for changes, and at once when the database notifies it. It can be ended before it has started. */
export class ListeningWatch {
  readonly #parts: ChangePollParts;
  #poll: ChangePoll | undefined;
  #endListening: (() => Promise<void>) | undefined;
  #hasEnded = false;

  constructor(parts: ChangePollParts) {
    this.#parts = parts;
  }

  /**
   * Starts to poll and to listen, unless it is ended in the meantime.
   *
   * @throws a `SqlFailure`, also for what `listen` has thrown. The watch has to be ended then as well.
   */
  async start(listen: Listen | undefined): Promise<void> {
    const poll = await ChangePoll.start(this.#parts);
    this.#poll = poll;
    if (this.#hasEnded) return poll.end();
    const endListening = listen === undefined ? undefined : await startListening(listen, () => poll.wake());
    // An earlier call of `end` could not stop the listening, which had not begun.
    if (this.#hasEnded) await endListening?.();
    else this.#endListening = endListening;
  }

  /** Stops polling and listening. Listening that is still being started is stopped as soon as it has begun. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    await Promise.all([this.#poll?.end(), this.#endListening?.()]);
  }
}

/** Starts to listen. A failure is told like one of the store's own connections, since it mostly comes from the same driver. */
async function startListening(listen: Listen, notified: () => void): Promise<() => Promise<void>> {
  try {
    return await listen(notified);
  } catch (error) {
    throw sqlFailure(error);
  }
}
