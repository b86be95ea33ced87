import { forwardedEvent, forwardedMessage } from '../forwarding/forwarded-push.js';
import type { Forwarder } from '../forwarding/forwarder.js';
import type { MessageAnswers } from '../messages/message-answers.js';
import type { PlatformEvent } from '../messages/platform-event.js';
import type { PushedMessage } from '../messages/pushed-message.js';
import type { ReleaseCheck } from '../release-check/release-check.js';
import { handledBy, type PushHandlers } from './push-handlers.js';
import type { PushTime } from './push-time.js';

export interface RecipientsParts {
  /** Answers WeChat's check of a platform before its release; `undefined` if the application does. */
  readonly releaseCheck: ReleaseCheck | undefined;
  /** Forwards pushes by rules; `undefined` if there are none. */
  readonly forwarder: Forwarder | undefined;
  readonly handlers: PushHandlers;
  readonly answers: MessageAnswers;
}

/** Passes messages and events on to the release check, to the target of a rule, or else to the application. */
export class Recipients {
  readonly #parts: RecipientsParts;

  constructor(parts: RecipientsParts) {
    this.#parts = parts;
  }

  /**
   * Passes a message on.
   *
   * @param raw - the message as WeChat has written it.
   * @param write - returns the text of a reply.
   * @returns the text of the reply, which is empty if there is none; `undefined` if the release check expects an empty answer.
   */
  async replyTo(
    message: PushedMessage,
    raw: Uint8Array,
    write: (reply: unknown) => string,
    time: PushTime,
  ): Promise<string | undefined> {
    const { releaseCheck } = this.#parts;
    const checked = releaseCheck && (await time.forStore(1).race(releaseCheck.answerTo(message)));
    if (checked === 'empty') return undefined;
    return checked === undefined ? this.#handled(message, raw, write, time) : write(checked);
  }

  #handled(
    message: PushedMessage,
    raw: Uint8Array,
    write: (reply: unknown) => string,
    time: PushTime,
  ): Promise<string> {
    const { answers, forwarder, handlers } = this.#parts;
    const target = forwarder?.targetFor(forwardedMessage(message, raw));
    const handle = async (): Promise<string> => {
      const reply = await handlers.onMessage?.(message);
      return reply === undefined || reply === null ? '' : write(reply);
    };
    return time.all.race(
      answers.replyTo(message.id, () => target?.(time.forwarding, write) ?? handledBy('onMessage', handle)),
    );
  }

  /** Passes an event of a platform on. WeChat takes no reply to it. */
  async tell(event: PlatformEvent, raw: Uint8Array, time: PushTime): Promise<void> {
    const { answers, forwarder, handlers } = this.#parts;
    const target = forwarder?.targetFor(forwardedEvent(event, raw));
    const handle = async (): Promise<string> => {
      await handledBy('onEvent', () => handlers.onEvent?.(event));
      return '';
    };
    await time.all.race(answers.replyTo(event.id, () => target?.(time.forwarding, () => '') ?? handle()));
  }
}
