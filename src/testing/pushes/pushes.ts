import type { Clock } from '../../core/concurrency/clock.js';
import { describeName } from '../../core/primitives/redact.js';
import { longNumber } from './long-number.js';
import { type FakePushAnswer, isMessageAnswer, isSuccess } from './push-answer.js';
import { completed, isPlatformPush, type PushBooks } from './push-content.js';
import type { FakePushFault } from './push-fault.js';
import type { FakePushFields, FakePushFormat } from './push-fields.js';
import { type OutgoingPush, type PushResponse, PushSender, PushUnanswered } from './push-sender.js';
import { type FakePushSettings, type PushTarget, pushTarget } from './push-settings.js';
import { type ReplyFault, readReply } from './reply.js';
import { type PushParts, PushSigner } from './signed-push.js';

/**
 * The options of a push of the fake.
 *
 * @public
 */
export interface FakePushOptions {
  /**
   * The authorizer of a platform that a message is for: it goes to `authorizerUrl`.
   *
   * @defaultValue none: it is for the app itself
   */
  readonly authorizer?: string;
  /**
   * The instant that the signature covers, in epoch milliseconds. `CreateTime` is a field of the content.
   *
   * @defaultValue now, by the fake's clock
   */
  readonly sentAt?: number;
  /**
   * The fault in the push.
   *
   * @defaultValue none
   */
  readonly fault?: FakePushFault;
}

/**
 * The options of a check of the URL by the fake.
 *
 * @public
 */
export interface FakePushCheckOptions extends FakePushOptions {
  /**
   * Whether the text is sent encrypted, with `msg_signature`.
   *
   * @defaultValue `false`, as for official accounts
   */
  readonly encrypted?: boolean;
}

/** The outcome of a push. */
export interface PushAttempt {
  readonly pushed: FakePushFields;
  readonly outcome: PushResponse | PushUnanswered;
  /** The fields of the reply, or what is wrong with the body; `undefined` if there was no answer. */
  readonly reply: FakePushFields | ReplyFault | undefined;
}

interface PreparedPush {
  readonly request: OutgoingPush;
  readonly pushed: FakePushFields;
  readonly target: PushTarget;
  readonly format: FakePushFormat;
}

/** Judges the response to a request. */
type Judge = (response: PushResponse) => Pick<FakePushAnswer, 'reply' | 'isAccepted'>;

/** Pushes to the servers of apps what WeChat would. */
export class FakePushes {
  readonly #clock: Clock;
  readonly #books: PushBooks;
  readonly #signer: PushSigner;
  readonly #sender: PushSender;
  readonly #targets = new Map<string, PushTarget>();

  constructor(clock: Clock, books: PushBooks) {
    this.#clock = clock;
    this.#books = books;
    this.#signer = new PushSigner(clock);
    this.#sender = new PushSender(clock);
  }

  set(appid: string, settings: FakePushSettings): void {
    this.#targets.set(appid, pushTarget(settings));
  }

  /** Returns the checked settings of an app; `undefined` before {@link set}. */
  targetOf(appid: string): PushTarget | undefined {
    return this.#targets.get(appid);
  }

  /**
   * Pushes, and returns what came of it, without a judgement.
   *
   * @throws PushUnanswered if the fake was closed.
   */
  async attempt(appid: string, content: FakePushFields, authorizer?: string): Promise<PushAttempt> {
    const { request, pushed, target, format } = this.#prepared(
      appid,
      content,
      authorizer === undefined ? {} : { authorizer },
    );
    const outcome = await this.#outcome(request);
    const reply = outcome instanceof PushUnanswered ? undefined : readReply(outcome.body, target, appid, format);
    return { pushed, outcome, reply };
  }

  /** Checks the URL with a text in clear, and returns what came of it, without a judgement. */
  async attemptCheck(appid: string): Promise<PushAttempt> {
    const echostr = longNumber();
    const outcome = await this.#outcome(this.#signer.check(echostr, false, this.#parts(appid, {})));
    return { pushed: { echostr }, outcome, reply: undefined };
  }

  async push(appid: string, content: FakePushFields, options: FakePushOptions): Promise<FakePushAnswer> {
    const { request, pushed, target, format } = this.#prepared(appid, content, options);
    const isPlatforms = isPlatformPush(content);
    return this.#answer(request, pushed, (response) => {
      if (isPlatforms) return { reply: undefined, isAccepted: isSuccess(response) };
      const read = readReply(response.body, target, appid, format);
      const reply = typeof read === 'string' ? undefined : read;
      return { reply, isAccepted: isMessageAnswer(response, reply) };
    });
  }

  async check(appid: string, options: FakePushCheckOptions): Promise<FakePushAnswer> {
    const { encrypted = false } = options;
    const parts = this.#parts(appid, options);
    if (encrypted && parts.target.cipher === undefined)
      throw new TypeError('an encrypted check requires encodingAesKey');
    const echostr = longNumber();
    const request = this.#signer.check(echostr, encrypted, parts);
    return this.#answer(request, { echostr }, ({ status, body }) => {
      return { reply: undefined, isAccepted: status === 200 && body === echostr };
    });
  }

  close(): void {
    this.#sender.close();
  }

  #prepared(appid: string, content: FakePushFields, options: FakePushOptions): PreparedPush {
    const parts = this.#parts(appid, options);
    const { target } = parts;
    const isPlatforms = isPlatformPush(content);
    const format = isPlatforms ? 'xml' : target.format;
    const pushed = completed(content, { appid, authorizer: options.authorizer }, this.#books, this.#clock.now());
    const request = this.#signer.push(pushed, [isPlatforms ? 'AppId' : 'ToUserName'], format, parts);
    return { request, pushed, target, format };
  }

  async #outcome(request: OutgoingPush): Promise<PushResponse | PushUnanswered> {
    try {
      return await this.#sender.send(request);
    } catch (error) {
      if (error instanceof PushUnanswered && error.why !== 'closed') return error;
      throw error;
    }
  }

  async #answer(request: OutgoingPush, pushed: FakePushFields, judge: Judge): Promise<FakePushAnswer> {
    const response = await this.#sender.send(request);
    const repeat = (): Promise<FakePushAnswer> => this.#answer(request, pushed, judge);
    return { ...response, ...judge(response), pushed, repeat };
  }

  #parts(appid: string, options: FakePushOptions): PushParts {
    const { authorizer, sentAt = this.#clock.now(), fault } = options;
    const target = this.#targets.get(appid);
    if (target === undefined) throw new TypeError(`setPush has to be called for ${describeName(appid)} before a push`);
    if (fault === 'other-receiver' && target.cipher === undefined) {
      throw new TypeError('a push that is not encrypted has no receiver that could be another');
    }
    return { target, url: urlOf(target, authorizer), receiverId: appid, sentAt, fault };
  }
}

function urlOf({ url, authorizerUrl }: PushTarget, authorizer: string | undefined): string {
  if (authorizer === undefined) return url;
  if (authorizerUrl === undefined) throw new TypeError('a push for an authorizer requires authorizerUrl in setPush');
  return authorizerUrl.replaceAll('$APPID$', () => encodeURIComponent(authorizer));
}
