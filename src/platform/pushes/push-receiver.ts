import type { Clock } from '../../core/concurrency/clock.js';
import { isTokenError, safeCause } from '../../core/model/errors.js';
import type { PushSettings } from '../../core/model/push/push-settings.js';
import type { LastPushes } from '../../core/pushes/last-pushes.js';
import type { AuthorizationKey } from '../authorizations/authorization-documents.js';
import type { UserNames } from '../authorizers/user-names.js';
import { type ReadContent, readContent } from '../content/push-content.js';
import { PushRefused } from '../content/push-refused.js';
import { platformEventIn } from '../messages/platform-event.js';
import { replyText } from '../messages/push-reply.js';
import { messageIn, type PushedMessage } from '../messages/pushed-message.js';
import { XmlRefused } from '../xml/xml-refused.js';
import type { PlatformEvents } from './platform-events.js';
import { HandlerFailed } from './push-handlers.js';
import { EMPTY, type PushAnswer, type PushRequest, SUCCESS, textAnswer } from './push-request.js';
import { PushSecrets } from './push-secrets.js';
import { PushTime } from './push-time.js';
import type { PushWindows } from './push-windows.js';
import type { PushedApps } from './pushed-apps.js';
import type { Recipients } from './recipients.js';
import { PushVerifier, pushQueryOf, type VerifiedPush, WrongSignature } from './verified-push.js';

export interface PushReceiverParts {
  readonly apps: PushedApps;
  readonly windows: PushWindows;
  readonly userNames: UserNames;
  readonly recipients: Recipients;
  readonly events: PlatformEvents;
  readonly clock: Clock;
  /** The memory of the last push to each app. */
  readonly lastPushes: Pick<LastPushes, 'note'>;
  /** Receives errors of handlers and of the store, which WeChat is not told. */
  onError(error: Error): void;
}

/** Receives WeChat's pushes: verifies and decrypts them, and answers when what was pushed is durable. */
export class PushReceiver {
  readonly #parts: PushReceiverParts;
  readonly #secrets = new PushSecrets();

  constructor(parts: PushReceiverParts) {
    this.#parts = parts;
  }

  /** Answers a push. It never rejects: what goes wrong is in the status, and WeChat repeats what matters. */
  async receive(request: PushRequest, sender = ''): Promise<PushAnswer> {
    try {
      return await this.#answer(request, sender);
    } catch (error) {
      if (error instanceof PushRefused) return { ...textAnswer(error.message), status: error.status };
      if (error instanceof XmlRefused) {
        return { ...textAnswer(`the pushed message cannot be read: ${error.message}`), status: 400 };
      }
      this.#parts.onError(error instanceof HandlerFailed || isTokenError(error) ? error : safeCause(error));
      return { ...textAnswer('the push was not handled; see the log for the reason'), status: 500 };
    }
  }

  async #answer(request: PushRequest, sender: string): Promise<PushAnswer> {
    const { appid, component, method } = request;
    const receiver = component ?? appid;
    const time = new PushTime(this.#parts.clock);
    if (method === 'GET') {
      const query = pushQueryOf(request.query);
      return textAnswer(await this.#verified(receiver, sender, time, (verifier) => verifier.verifyUrl(query)));
    }
    const push = await this.#verified(receiver, sender, time, (verifier) =>
      verifier.verify(pushQueryOf(request.query), request.body),
    );
    this.#parts.lastPushes.note(receiver);
    const read = readContent(push.message);
    const infoType = read.content.textOf('InfoType') ?? '';
    if (infoType === '') return this.#answerMessage(request, push, read, time);
    if (!push.isEncrypted) throw new PushRefused(401, 'what is pushed to a platform must be encrypted');
    if (component !== undefined || read.content.textOf('AppId') !== appid)
      throw new PushRefused(401, 'the push is for another platform');
    await this.#parts.events.handle(platformEventIn(appid, infoType, read.content, push.message), push.message, time);
    return SUCCESS;
  }

  /** Verifies a push. If it does not fit the settings of the app, these may have been changed elsewhere. */
  async #verified<Result>(
    appid: string,
    sender: string,
    time: PushTime,
    verify: (verifier: PushVerifier) => Result,
  ): Promise<Result> {
    const { apps, windows } = this.#parts;
    const reading = time.forStore(1);
    const settings = await reading.race(apps.settingsOf(appid, sender));
    const verifierOf = (given: PushSettings): PushVerifier =>
      new PushVerifier(given.mode, this.#secrets.of(given), appid, windows.of(appid));
    try {
      return verify(verifierOf(settings));
    } catch (error) {
      if (!(error instanceof WrongSignature)) throw error;
      const changed = await reading.race(apps.changedSettingsOf(appid, sender));
      if (changed === undefined) throw error;
      return verify(verifierOf(changed));
    }
  }

  async #answerMessage(
    { appid, component }: PushRequest,
    push: VerifiedPush,
    { content, format }: ReadContent,
    time: PushTime,
  ): Promise<PushAnswer> {
    const message = messageIn(appid, component, content);
    if (component !== undefined) await this.#assertAddressed({ component, authorizer: appid }, push, message, time);
    const { recipients, windows } = this.#parts;
    const write = (reply: unknown): string => replyText(reply, message, format, windows.of(appid).now());
    const reply = await recipients.replyTo(message, push.message, write, time);
    if (reply === undefined) return EMPTY;
    if (reply === '') return SUCCESS;
    const contentType = format === 'json' ? 'application/json; charset=utf-8' : 'text/xml; charset=utf-8';
    return { status: 200, contentType, body: push.reply(reply) };
  }

  /**
   * Asserts that a message is addressed to the account that the path names, which the signature does not cover.
   *
   * @throws PushRefused.
   */
  async #assertAddressed(
    key: AuthorizationKey,
    push: VerifiedPush,
    { to }: PushedMessage,
    time: PushTime,
  ): Promise<void> {
    const { userNames } = this.#parts;
    if (!push.isEncrypted) throw new PushRefused(401, 'what is pushed to a platform must be encrypted');
    if (await time.all.race(userNames.isOf(key, to))) return;
    throw new PushRefused(401, 'the message is addressed to another account than the path names');
  }
}
