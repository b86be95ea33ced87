import type { Clock } from '../../core/concurrency/clock.js';
import { isTokenError, safeCause } from '../../core/model/errors.js';
import type { PushSettings } from '../../core/model/push/push-settings.js';
import type { LastPushes } from '../../core/pushes/last-pushes.js';
import { contended } from '../../core/store/write-errors.js';
import type { AuthorizationDocuments, AuthorizationKey, OwedWork } from '../authorizations/authorization-documents.js';
import { type AuthorizationPush, authorizationPushIn, owedAfter } from '../authorizations/authorization-push.js';
import type { AuthorizationWork } from '../authorizations/authorization-work.js';
import type { UserNames } from '../authorizers/user-names.js';
import { type ReadContent, readContent } from '../content/push-content.js';
import { PushRefused } from '../content/push-refused.js';
import { forwardedEvent, forwardedMessage } from '../forwarding/forwarded-push.js';
import type { Forwarder } from '../forwarding/forwarder.js';
import type { MessageAnswers } from '../messages/message-answers.js';
import { type PlatformEvent, platformEventIn } from '../messages/platform-event.js';
import { type PushReply, replyText } from '../messages/push-reply.js';
import { messageIn, type PushedMessage } from '../messages/pushed-message.js';
import type { ReleaseCheck } from '../release-check/release-check.js';
import { XmlRefused } from '../xml/xml-refused.js';
import { HandlerFailed, handledBy, type PushHandlers } from './push-handlers.js';
import { EMPTY, type PushAnswer, type PushRequest, SUCCESS, textAnswer } from './push-request.js';
import { PushSecrets } from './push-secrets.js';
import { PushTime } from './push-time.js';
import type { PushWindows } from './push-windows.js';
import type { PushedApps } from './pushed-apps.js';
import { PushVerifier, pushQueryOf, type VerifiedPush, WrongSignature } from './verified-push.js';
import { storeTicket, type TicketStore } from './verify-tickets.js';

export interface PushReceiverParts {
  readonly apps: PushedApps;
  readonly windows: PushWindows;
  readonly tickets: TicketStore;
  readonly documents: AuthorizationDocuments;
  /** Does what authorizations need; `undefined` in a process that leaves it to others. */
  readonly work: AuthorizationWork | undefined;
  readonly userNames: UserNames;
  /** Answers WeChat's check of a platform before its release; `undefined` if the application does. */
  readonly releaseCheck: ReleaseCheck | undefined;
  readonly answers: MessageAnswers;
  readonly handlers: PushHandlers;
  /** Forwards pushes by rules; `undefined` if there are none. */
  readonly forwarder: Forwarder | undefined;
  readonly clock: Clock;
  /** The memory of the last push to each app. */
  readonly lastPushes: Pick<LastPushes, 'note'>;
  /** Receives errors of handlers and of the store, which WeChat is not told. */
  onError(error: Error): void;
}

const MAX_ROUNDS = 3;

/** Receives WeChat's pushes: verifies and decrypts them, and answers when what was pushed is durable. */
export class PushReceiver {
  readonly #parts: PushReceiverParts;
  readonly #secrets = new PushSecrets();

  constructor(parts: PushReceiverParts) {
    this.#parts = parts;
  }

  /** Answers a push. It never rejects: what goes wrong is in the status, and WeChat repeats what matters. */
  async receive(request: PushRequest): Promise<PushAnswer> {
    try {
      return await this.#answer(request);
    } catch (error) {
      if (error instanceof PushRefused) return { ...textAnswer(error.message), status: error.status };
      if (error instanceof XmlRefused) {
        return { ...textAnswer(`the pushed message cannot be read: ${error.message}`), status: 400 };
      }
      this.#parts.onError(error instanceof HandlerFailed || isTokenError(error) ? error : safeCause(error));
      return { ...textAnswer('the push was not handled; see the log for the reason'), status: 500 };
    }
  }

  async #answer(request: PushRequest): Promise<PushAnswer> {
    const { appid, component, method } = request;
    const receiver = component ?? appid;
    const time = new PushTime(this.#parts.clock);
    if (method === 'GET') {
      const query = pushQueryOf(request.query);
      return textAnswer(await this.#verified(receiver, time, (verifier) => verifier.verifyUrl(query)));
    }
    const push = await this.#verified(receiver, time, (verifier) =>
      verifier.verify(pushQueryOf(request.query), request.body),
    );
    this.#parts.lastPushes.note(receiver);
    const read = readContent(push.message);
    const infoType = read.content.textOf('InfoType') ?? '';
    if (infoType === '') return this.#answerMessage(request, push, read, time);
    if (!push.isEncrypted) throw new PushRefused(401, 'what is pushed to a platform must be encrypted');
    if (component !== undefined || read.content.textOf('AppId') !== appid)
      throw new PushRefused(401, 'the push is for another platform');
    await this.#handle(platformEventIn(appid, infoType, read.content, push.message), push, time);
    return SUCCESS;
  }

  /** Verifies a push. If it does not fit the settings of the app, these may have been changed elsewhere. */
  async #verified<Result>(appid: string, time: PushTime, verify: (verifier: PushVerifier) => Result): Promise<Result> {
    const { apps, windows } = this.#parts;
    const reading = time.forStore(1);
    const settings = await reading.race(apps.settingsOf(appid));
    const verifierOf = (given: PushSettings): PushVerifier =>
      new PushVerifier(given.mode, this.#secrets.of(given), appid, windows.of(appid));
    try {
      return verify(verifierOf(settings));
    } catch (error) {
      if (!(error instanceof WrongSignature)) throw error;
      const changed = await reading.race(apps.changedSettingsOf(appid));
      if (changed === undefined) throw error;
      return verify(verifierOf(changed));
    }
  }

  async #handle(event: PlatformEvent, push: VerifiedPush, time: PushTime): Promise<void> {
    const { windows, clock, tickets } = this.#parts;
    const { component, infoType, content } = event;
    const now = windows.of(component).now();
    if (infoType === 'component_verify_ticket') {
      await storeTicket(content, component, { now, storeTime: clock.now() }, tickets, time.forStore(2));
      return;
    }
    const authorization = authorizationPushIn(infoType, content, now);
    if (authorization !== undefined) {
      await this.#note(component, authorization, time);
      return;
    }
    await time.all.race(this.#passOn(event, push, time));
  }

  /** Passes an event of a platform on to the target of a rule, else to the application. WeChat takes no reply to it. */
  async #passOn(event: PlatformEvent, { message }: VerifiedPush, time: PushTime): Promise<void> {
    const { answers, forwarder, handlers } = this.#parts;
    const target = forwarder?.targetFor(forwardedEvent(event, message));
    const handle = async (): Promise<string> => {
      await handledBy('onEvent', () => handlers.onEvent?.(event));
      return '';
    };
    await answers.replyTo(event.id, () => target?.(time.forwarding, () => '') ?? handle());
  }

  /** Writes down what an authorization needs. It is done after the answer, here or by another process. */
  async #note(component: string, push: AuthorizationPush, time: PushTime): Promise<void> {
    const { documents } = this.#parts;
    const key = { component, authorizer: push.authorizer };
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stored = await time.forStore(1).race(documents.read(key));
      const owed = owedAfter(push, stored);
      if (owed === undefined) return;
      if (await time.forStore(1).race(this.#saveOwed(key, owed, stored.owedVersion))) return;
    }
    throw contended(`the authorization of ${push.authorizer}`, { appid: component });
  }

  /** Writes what is owed, and begins it even if the write takes so long that the push is answered before. */
  async #saveOwed(key: AuthorizationKey, owed: OwedWork, version: number): Promise<boolean> {
    const { documents, work, clock } = this.#parts;
    if ((await documents.saveOwed(key, owed, version)) === undefined) return false;
    clock.setTimer(() => work?.begin(key), 0);
    return true;
  }

  async #answerMessage(
    { appid, component }: PushRequest,
    push: VerifiedPush,
    { content, format }: ReadContent,
    time: PushTime,
  ): Promise<PushAnswer> {
    const message = messageIn(appid, component, content);
    if (component !== undefined) await this.#assertAddressed({ component, authorizer: appid }, push, message, time);
    const checked = await this.#checked(message, time);
    if (checked === 'empty') return EMPTY;
    const write = (reply: unknown): string => replyText(reply, message, format, this.#parts.windows.of(appid).now());
    const reply = checked === undefined ? await this.#handled(message, push, write, time) : write(checked);
    if (reply === '') return SUCCESS;
    const contentType = format === 'json' ? 'application/json; charset=utf-8' : 'text/xml; charset=utf-8';
    return { status: 200, contentType, body: push.reply(reply) };
  }

  /** Returns the answer to a message of WeChat's check; `undefined` for any other message. */
  async #checked(message: PushedMessage, time: PushTime): Promise<PushReply | 'empty' | undefined> {
    const { releaseCheck } = this.#parts;
    return releaseCheck && time.forStore(1).race(releaseCheck.answerTo(message));
  }

  /** Passes a message on to the target of a rule, else to the application, and returns the reply; an empty one for none. */
  #handled(
    message: PushedMessage,
    push: VerifiedPush,
    write: (reply: unknown) => string,
    time: PushTime,
  ): Promise<string> {
    const { answers, forwarder, handlers } = this.#parts;
    const target = forwarder?.targetFor(forwardedMessage(message, push.message));
    const handle = async (): Promise<string> => {
      const reply = await handlers.onMessage?.(message);
      return reply === undefined || reply === null ? '' : write(reply);
    };
    return time.all.race(
      answers.replyTo(message.id, () => target?.(time.forwarding, write) ?? handledBy('onMessage', handle)),
    );
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
