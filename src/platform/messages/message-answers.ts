import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/concurrency/clock.js';

interface Answered {
  /** The reply; empty if there was none. */
  readonly reply: string;
  /** The monotonic time after which a repeated message is handled again. */
  readonly until: number;
}

const REMEMBERED_MS = 60_000;
const MAX_ENTRIES = 10_000;
const MAX_BYTES = 16 * 1_048_576;
const BYTES_OF_AN_ENTRY = Math.ceil(MAX_BYTES / MAX_ENTRIES);

/** Remembers the replies to messages, because WeChat repeats a message that was not answered in time. */
export class MessageAnswers {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #underWay = new Map<string, Promise<string>>();
  readonly #answered = new LRUCache<string, Answered>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ reply }) => Math.max(BYTES_OF_AN_ENTRY, 2 * reply.length),
  });

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /**
   * Returns the reply to a message, which is handled once: a repeated one waits for the first, or gets the same reply. A
   * failure is not remembered, so that a repetition is handled again.
   *
   * @param id - the id of the message.
   * @param handle - handles the message and returns the reply; an empty one for none.
   */
  async replyTo(id: string, handle: () => Promise<string>): Promise<string> {
    const answered = this.#answered.get(id);
    if (answered !== undefined && answered.until > this.#clock.monotonic()) return answered.reply;
    const underWay = this.#underWay.get(id) ?? this.#handle(id, handle);
    return underWay;
  }

  #handle(id: string, handle: () => Promise<string>): Promise<string> {
    const handling = handle().then((reply) => {
      this.#answered.set(id, { reply, until: this.#clock.monotonic() + REMEMBERED_MS });
      return reply;
    });
    this.#underWay.set(id, handling);
    const end = (): void => void this.#underWay.delete(id);
    handling.then(end, end);
    return handling;
  }
}
