import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/concurrency/clock.js';

interface Answered {
  /** The reply; empty if there was none. */
  readonly reply: string;
  /** The monotonic time after which a repeated message is handled again. */
  readonly until: number;
}

/** A message that is being handled. */
interface UnderWay {
  readonly reply: Promise<string>;
  /** The monotonic time after which a repeated message no longer waits for it. */
  readonly until: number;
}

const REMEMBERED_MS = 60_000;
const MAX_ENTRIES = 10_000;
const MAX_BYTES = 16 * 1_048_576;
const BYTES_OF_AN_ENTRY = Math.ceil(MAX_BYTES / MAX_ENTRIES);

/** Remembers the replies to messages and events, because WeChat repeats what was not answered in time. */
export class MessageAnswers {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** The messages that are being handled, those that began first at the front. */
  readonly #underWay = new Map<string, UnderWay>();
  readonly #answered = new LRUCache<string, Answered>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ reply }) => Math.max(BYTES_OF_AN_ENTRY, 2 * reply.length),
  });

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Returns how many messages are being handled, as far as a repeated one waits for them. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /**
   * Returns the reply to a message, which is handled once: a repeated one waits for the first, or gets the same reply. A
   * failure is not remembered, so that a repetition is handled again.
   *
   * @param id - the id of the message.
   * @param handle - handles the message and returns the reply; an empty one for none.
   */
  async replyTo(id: string, handle: () => Promise<string>): Promise<string> {
    const now = this.#clock.monotonic();
    const answered = this.#answered.get(id);
    if (answered !== undefined && answered.until > now) return answered.reply;
    this.#forgetLate(now);
    return this.#underWay.get(id)?.reply ?? this.#handle(id, handle, now + REMEMBERED_MS);
  }

  #handle(id: string, handle: () => Promise<string>, until: number): Promise<string> {
    const reply = handle().then((text) => {
      this.#answered.set(id, { reply: text, until: this.#clock.monotonic() + REMEMBERED_MS });
      return text;
    });
    const underWay = { reply, until };
    this.#underWay.set(id, underWay);
    const end = (): void => {
      if (this.#underWay.get(id) === underWay) this.#underWay.delete(id);
    };
    reply.then(end, end);
    return reply;
  }

  /** Forgets the messages whose handling takes too long: a function that never settles would be remembered for ever. */
  #forgetLate(now: number): void {
    for (const [id, { until }] of this.#underWay) {
      if (until > now && this.#underWay.size < MAX_ENTRIES) return;
      this.#underWay.delete(id);
    }
  }
}
