import type { Clock } from '../../core/concurrency/clock.js';
import { secretHash } from '../../core/primitives/secret-hash.js';
import type { PushReply } from '../messages/push-reply.js';
import type { PushedMessage } from '../messages/pushed-message.js';
import type { StoredWork } from '../work/stored-work.js';
import type { CheckCodeKey, CheckDocuments } from './check-documents.js';
import { checkAnswerTo } from './check-message.js';

export interface ReleaseCheckParts {
  readonly documents: CheckDocuments;
  /** Sends the messages that are owed; `undefined` in a process that leaves them to others. */
  readonly work: Pick<StoredWork<CheckCodeKey>, 'begin'> | undefined;
  readonly clock: Clock;
}

/** The life of an authorization code, whose end WeChat's check does not say. */
const CODE_LIFE_MS = 3_600_000;

/** Answers the messages by which WeChat checks a platform before its release. */
export class ReleaseCheck {
  readonly #parts: ReleaseCheckParts;

  constructor(parts: ReleaseCheckParts) {
    this.#parts = parts;
  }

  /**
   * Answers a message of the check. A code is written down: it is exchanged after the answer, here or by another process.
   *
   * @returns the reply; `'empty'` if the answer has to be empty; `undefined` for any other message.
   */
  async answerTo(message: PushedMessage): Promise<PushReply | 'empty' | undefined> {
    const answer = checkAnswerTo(message);
    if (answer === undefined) return undefined;
    if ('reply' in answer) return answer.reply;
    await this.#note(message, answer.code);
    return 'empty';
  }

  async #note({ appid: authorizer, component = '', from: user }: PushedMessage, code: string): Promise<void> {
    const { documents, work, clock } = this.#parts;
    const key = { component, authorizer, codeHash: secretHash(code) };
    const owed = { user, code };
    // A code that is there already was pushed before.
    if ((await documents.save(key, { owed, endsAt: clock.now() + CODE_LIFE_MS }, 0)) === undefined) return;
    clock.setTimer(() => work?.begin(key), 0);
  }
}
