import type { Clock } from '../../core/concurrency/clock.js';
import type { Deadline } from '../../core/model/deadline.js';
import { isTokenError, safeCause } from '../../core/model/errors.js';
import type { PushSettings } from '../../core/model/push/push-settings.js';
import { contended } from '../../core/store/write-errors.js';
import type { AuthorizationDocuments, AuthorizationKey } from '../authorizations/authorization-documents.js';
import { type AuthorizationPush, authorizationPushIn, owedAfter } from '../authorizations/authorization-push.js';
import type { AuthorizationWork } from '../authorizations/authorization-work.js';
import type { UserNames } from '../authorizers/user-names.js';
import { type PushContent, type ReadContent, readContent } from '../content/push-content.js';
import { createTimeOf } from '../content/push-fields.js';
import { PushRefused } from '../content/push-refused.js';
import type { MessageAnswers } from '../messages/message-answers.js';
import { replyText } from '../messages/push-reply.js';
import { messageIn, type PushedMessage } from '../messages/pushed-message.js';
import { XmlRefused } from '../xml/xml-refused.js';
import { HandlerFailed, handledBy, type PushHandlers } from './push-handlers.js';
import { type PushAnswer, type PushRequest, SUCCESS, textAnswer } from './push-request.js';
import { PushSecrets } from './push-secrets.js';
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
  readonly answers: MessageAnswers;
  readonly handlers: PushHandlers;
  readonly clock: Clock;
  /** Returns a deadline of that many milliseconds from now. */
  deadline(timeoutMs: number): Deadline;
  /** Receives errors of handlers and of the store, which WeChat is not told. */
  onError(error: Error): void;
}

/** The time for storing what was pushed. WeChat waits for five seconds, of which a second is left to the network. */
const STORING_MS = 3_000;
const HANDLING_MS = 4_000;
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
    if (method === 'GET') {
      const query = pushQueryOf(request.query);
      return textAnswer(await this.#verified(receiver, (verifier) => verifier.verifyUrl(query)));
    }
    const push = await this.#verified(receiver, (verifier) =>
      verifier.verify(pushQueryOf(request.query), request.body),
    );
    const read = readContent(push.message);
    const infoType = read.content.textOf('InfoType') ?? '';
    if (infoType === '') return this.#answerMessage(request, push, read);
    if (!push.isEncrypted) throw new PushRefused(401, 'what is pushed to a platform must be encrypted');
    if (component !== undefined || read.content.textOf('AppId') !== appid)
      throw new PushRefused(401, 'the push is for another platform');
    await this.#handle(infoType, appid, read.content);
    return SUCCESS;
  }

  /** Verifies a push. If it does not fit the settings of the app, these may have been changed elsewhere. */
  async #verified<Result>(appid: string, verify: (verifier: PushVerifier) => Result): Promise<Result> {
    const { apps, windows, deadline } = this.#parts;
    const storing = deadline(STORING_MS);
    const settings = await storing.race(apps.settingsOf(appid));
    const verifierOf = (given: PushSettings): PushVerifier =>
      new PushVerifier(given.mode, this.#secrets.of(given), appid, windows.of(appid));
    try {
      return verify(verifierOf(settings));
    } catch (error) {
      if (!(error instanceof WrongSignature)) throw error;
      const changed = await storing.race(apps.changedSettingsOf(appid));
      if (changed === undefined) throw error;
      return verify(verifierOf(changed));
    }
  }

  async #handle(infoType: string, component: string, content: PushContent): Promise<void> {
    const { windows, clock, tickets, handlers, deadline } = this.#parts;
    const now = windows.of(component).now();
    if (infoType === 'component_verify_ticket') {
      await storeTicket(content, component, { now, storeTime: clock.now() }, tickets, deadline(STORING_MS));
      return;
    }
    const authorization = authorizationPushIn(infoType, content, now);
    if (authorization !== undefined) {
      await deadline(STORING_MS).race(this.#note(component, authorization));
      return;
    }
    const event = { component, infoType, createdAt: createTimeOf(content), content };
    await deadline(HANDLING_MS).race(handledBy('onEvent', () => handlers.onEvent?.(event)));
  }

  /** Writes down what an authorization needs. It is done after the answer, here or by another process. */
  async #note(component: string, push: AuthorizationPush): Promise<void> {
    const { documents, work, clock } = this.#parts;
    const key = { component, authorizer: push.authorizer };
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stored = await documents.read(key);
      const owed = owedAfter(push, stored);
      if (owed === undefined) return;
      if ((await documents.saveOwed(key, owed, stored.owedVersion)) === undefined) continue;
      clock.setTimer(() => work?.begin(key), 0);
      return;
    }
    throw contended(`the authorization of ${push.authorizer}`, { appid: component });
  }

  async #answerMessage(
    { appid, component }: PushRequest,
    push: VerifiedPush,
    { content, format }: ReadContent,
  ): Promise<PushAnswer> {
    const { answers, handlers, windows, deadline } = this.#parts;
    const message = messageIn(appid, component, content);
    if (component !== undefined) await this.#assertAddressed({ component, authorizer: appid }, push, message);
    const replying = answers.replyTo(message.id, () =>
      handledBy('onMessage', async () => {
        const reply = await handlers.onMessage?.(message);
        return reply === undefined || reply === null ? '' : replyText(reply, message, format, windows.of(appid).now());
      }),
    );
    const reply = await deadline(HANDLING_MS).race(replying);
    if (reply === '') return SUCCESS;
    const contentType = format === 'json' ? 'application/json; charset=utf-8' : 'text/xml; charset=utf-8';
    return { status: 200, contentType, body: push.reply(reply) };
  }

  /**
   * Asserts that a message is addressed to the account that the path names, which the signature does not cover.
   *
   * @throws PushRefused.
   */
  async #assertAddressed(key: AuthorizationKey, push: VerifiedPush, { to }: PushedMessage): Promise<void> {
    const { userNames, deadline } = this.#parts;
    if (!push.isEncrypted) throw new PushRefused(401, 'what is pushed to a platform must be encrypted');
    if (await deadline(STORING_MS).race(userNames.isOf(key, to))) return;
    throw new PushRefused(401, 'the message is addressed to another account than the path names');
  }
}
