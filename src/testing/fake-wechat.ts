import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '../core/concurrency/clock.js';
import { describeName } from '../core/primitives/redact.js';
import type { FakeAccount } from './accounts/account-book.js';
import type { FakeCall } from './fake/call.js';
import type { FakeCustomMessage } from './fake/custom-message-book.js';
import type { FakeApp, FakeState } from './fake/endpoint.js';
import { type FakeCallMatcher, type FakeFault, matchesCall } from './fake/faults.js';
import { type FakeUserTokens, userAnswer } from './fake/oauth2-endpoints.js';
import type { FakeMessage } from './fake/prompt-book.js';
import { FakeService } from './fake/service.js';
import { createState, type FakeWeChatOptions } from './fake/state.js';
import type { FakePushAnswer } from './pushes/push-answer.js';
import type { FakePushFields } from './pushes/push-fields.js';
import type { FakePushSettings } from './pushes/push-settings.js';
import { type FakePushCheckOptions, FakePushes, type FakePushOptions } from './pushes/pushes.js';
import { ReleaseCheck } from './release-check/release-check.js';
import type { FakeReleaseCheckOptions } from './release-check/release-options.js';
import type { FakeReleaseReport } from './release-check/release-report.js';

/**
 * The options of a login of a user of the fake.
 *
 * @public
 */
export interface FakeUserOptions {
  /**
   * The scope that the user has agreed to.
   *
   * @defaultValue `'snsapi_base'`
   */
  readonly scope?: string;
}

const SCOPE = 'snsapi_base';

/**
 * Runs a fake WeChat on this machine: a real HTTP server that hands out tokens and tickets, lets them expire, replaces, counts
 * and rejects them as WeChat does, and fails on demand.
 *
 * @example
 * ```ts
 * await using wechat = await FakeWeChat.start({ apps: { wx0123456789abcdef: { secret: 'x' } } });
 * const tokens = new TokenManager({ wechat: { origins: [wechat.origin] } });
 * wechat.fail('/cgi-bin/stable_token', { errcode: 45009 }, { times: 1 });
 * ```
 *
 * @public
 */
export class FakeWeChat {
  readonly #clock: Clock;
  readonly #apps: Map<string, FakeApp> | undefined;
  readonly #state: FakeState;
  readonly #service: FakeService;
  readonly #pushes: FakePushes;
  readonly #server: Server;
  /** The platforms whose release check is being played: another would end the authorizations of the first. */
  readonly #checked = new Set<string>();

  private constructor(options: FakeWeChatOptions) {
    const { clock = systemClock, apps, delayMs = 0 } = options;
    this.#clock = clock;
    this.#apps = apps === undefined ? undefined : new Map(Object.entries(apps));
    this.#state = createState(options, this.#apps);
    this.#service = new FakeService(clock, this.#state, delayMs);
    this.#pushes = new FakePushes(clock, this.#state);
    this.#server = createServer((message, response) => {
      this.#service.serve(message, response).catch(() => response.destroy());
    });
  }

  /** Starts one; it listens when the promise resolves. */
  static async start(options: FakeWeChatOptions = {}): Promise<FakeWeChat> {
    const fake = new FakeWeChat(options);
    const { port = 0, host = '127.0.0.1' } = options;
    await new Promise<void>((resolve, reject) => {
      fake.#server.once('error', reject);
      fake.#server.listen(port, host, resolve);
    });
    return fake;
  }

  /** Returns the origin at which it listens, such as `http://127.0.0.1:40123`. */
  get origin(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
  }

  /** Returns how long an answer takes, in milliseconds of the clock. */
  get delayMs(): number {
    return this.#service.delayMs;
  }

  set delayMs(delayMs: number) {
    this.#service.delayMs = delayMs;
  }

  /** Returns the calls that it received, in order of arrival. */
  get calls(): readonly FakeCall[] {
    return this.#service.calls;
  }

  /** Returns how many calls came, to one path, or as the function picks. Default: all. */
  countCalls(matcher: FakeCallMatcher = '*'): number {
    return this.calls.filter((call) => matchesCall(matcher, call)).length;
  }

  /** Returns the next call that comes, to one path, or as the function picks. It is not answered yet. */
  nextCall(matcher: FakeCallMatcher = '*'): Promise<FakeCall> {
    return this.#service.nextCall(matcher);
  }

  /**
   * Adds an app, or changes its secret or whitelist.
   *
   * @throws TypeError when the fake was started without `apps`, so that every appid exists.
   */
  setApp(appid: string, app: FakeApp): void {
    this.#requireApps().set(appid, app);
  }

  /** Returns how often a refresh token came that had been used before; those that are kept are not counted. */
  get replays(): number {
    return this.#state.users.refreshTokens.replays + this.#state.platforms.refreshTokens.replays;
  }

  /** Returns whether this token, ticket, refresh token, `component_verify_ticket` or code of a platform would be accepted now. */
  isValid(value: string): boolean {
    const { tokens, tickets, users, platforms } = this.#state;
    return [tokens, tickets, users, platforms].some((book) => book.isValid(value));
  }

  /**
   * Lets a token, ticket, refresh token, `component_verify_ticket` or code of a platform end now, as if it were too old:
   * calls with a token are answered with 42001.
   */
  expire(value: string): void {
    const { tokens, tickets, users, platforms } = this.#state;
    for (const book of [tokens, tickets, users, platforms]) book.expire(value);
  }

  /** Has a user log in to an app; the tokens of earlier logins stay valid. Returns what WeChat answers to the code. */
  authorizeUser(appid: string, openid: string, { scope = SCOPE }: FakeUserOptions = {}): FakeUserTokens {
    return userAnswer(this.#state.users.authorize({ appid, openid, scope }));
  }

  /**
   * Creates the code with which WeChat sends a user back to the app, and the one that `wx.login` gives to a mini program:
   * good for one exchange within five minutes.
   */
  createCode(appid: string, openid: string, { scope = SCOPE }: FakeUserOptions = {}): string {
    return this.#state.users.createCode({ appid, openid, scope });
  }

  /**
   * Has a user of a mini program accept the prompt for messages of a template: each acceptance allows one message.
   *
   * @param options - `times`: how often the user accepts. Default: 1.
   */
  acceptPrompt(appid: string, openid: string, templateId: string, options: { readonly times?: number } = {}): void {
    this.#state.prompts.accept(appid, openid, templateId, options.times ?? 1);
  }

  /** Has a user of a mini program switch its messages off: accepted prompts are void, messages are answered with 43101. */
  refusePrompts(appid: string, openid: string): void {
    this.#state.prompts.withdraw(appid, openid);
  }

  /** Returns the subscribe messages that were delivered, in order of arrival. */
  get messages(): readonly FakeMessage[] {
    return this.#state.prompts.messages;
  }

  /** Returns the customer service messages that were delivered, in order of arrival. */
  get customMessages(): readonly FakeCustomMessage[] {
    return this.#state.customMessages.messages;
  }

  /**
   * Creates the `component_verify_ticket` that WeChat pushes to a platform: good for 12 hours, and so is the one before. It
   * is sent nowhere: `push` does that.
   */
  pushVerifyTicket(component: string): string {
    return this.#state.platforms.pushTicket(component);
  }

  /**
   * Has a merchant authorize a platform. The tokens of an earlier authorization are void.
   *
   * @returns the merchant's refresh token.
   */
  authorizeMerchant(component: string, authorizer: string): string {
    return this.#state.platforms.authorize(component, authorizer);
  }

  /**
   * Has a merchant authorize a platform like `authorizeMerchant`, and returns the code that the platform exchanges for the
   * merchant's tokens: good for one exchange within an hour.
   */
  createAuthorizationCode(component: string, authorizer: string): string {
    return this.#state.platforms.authorizeWithCode(component, authorizer);
  }

  /** Sets the description of an account for platforms, and the permissions that its merchant grants. */
  setAccount(appid: string, account: FakeAccount): void {
    this.#state.accounts.set(appid, account);
  }

  /**
   * Sets where and how an app is pushed to, as in WeChat's console.
   *
   * @throws TypeError naming the field that is wrong.
   */
  setPush(appid: string, settings: FakePushSettings): void {
    this.#pushes.set(appid, settings);
  }

  /**
   * Pushes once to the server of an app, over HTTP: a ticket, an authorization or another `InfoType` to a platform, a message
   * or an event to an account.
   *
   * Missing fields are filled in: `AppId`, `CreateTime`, `ToUserName`, `FromUserName`, `MsgId`; a new ticket for
   * `component_verify_ticket`; for `authorized` and `updateauthorized` the code of a new authorization. A push of
   * `unauthorized` ends nothing: `withdrawAuthorization` does.
   *
   * @returns the answer of the server. The promise rejects if there is none within 5 s of the fake's clock.
   * @throws TypeError before `setPush`, and for content that cannot be written.
   */
  async push(appid: string, content: FakePushFields, options: FakePushOptions = {}): Promise<FakePushAnswer> {
    return this.#pushes.push(appid, content, options);
  }

  /**
   * Checks the URL of an app's server, as WeChat does when it is entered: the server has to send a text back.
   *
   * @returns the answer of the server. The promise rejects if there is none within 5 s of the fake's clock.
   * @throws TypeError before `setPush`.
   */
  async checkPushUrl(appid: string, options: FakePushCheckOptions = {}): Promise<FakePushAnswer> {
    return this.#pushes.check(appid, options);
  }

  /**
   * Plays WeChat's release check (全网发布检测) against the server of a platform: it pushes a ticket and the authorizations of
   * two of WeChat's own test accounts, sends texts in their name, and judges the answers, the exchange of the code in such a
   * text, and the message that has to be sent with the token of that exchange. `setPush` must have been called with
   * `encodingAesKey` and `authorizerUrl`, and the server must use this fake as WeChat.
   *
   * @returns the report, which names the steps that failed. The promise rejects if the fake is closed meanwhile.
   * @throws TypeError for an unknown platform, missing settings, a wrong option, and while a check of the platform is played.
   */
  async runReleaseCheck(component: string, options: FakeReleaseCheckOptions = {}): Promise<FakeReleaseReport> {
    if (this.#checked.has(component)) {
      throw new TypeError(`a release check of ${describeName(component)} is being played`);
    }
    const parts = { clock: this.#clock, state: this.#state, service: this.#service, pushes: this.#pushes };
    const check = new ReleaseCheck(parts, component, options);
    this.#checked.add(component);
    return check.run().finally(() => this.#checked.delete(component));
  }

  /**
   * Has a user (`subject` is the openid) or a merchant (the appid) take the authorization back: refresh tokens are
   * answered with 42007 or 61003, and tokens are void.
   */
  withdrawAuthorization(appid: string, subject: string): void {
    this.#state.users.withdraw(appid, subject);
    this.#state.platforms.withdraw(appid, subject);
  }

  /**
   * Withdraws all tokens of an app, platform or merchant, and those of the app's users: calls with them are answered with
   * 40001. Refresh tokens stay good. Stable mode repeats its dead token until it is forced.
   */
  revoke(appid: string): void {
    this.#state.tokens.revoke(appid);
    this.#state.users.revoke(appid);
  }

  /** Acts as another system that fetches tokens of the same app: those handed out before are void at once. */
  supersede(appid: string): void {
    this.#state.tokens.supersede(appid);
  }

  /**
   * Scripts a fault; of several for one call the oldest comes first.
   *
   * @param options - `times`: how many calls it spoils. Default: all, until it is cleared.
   * @returns a function that clears it.
   */
  fail(matcher: FakeCallMatcher, fault: FakeFault, options: { readonly times?: number } = {}): () => void {
    return this.#service.faults.add(matcher, fault, options.times ?? Number.POSITIVE_INFINITY);
  }

  /** Starts or ends an outage: every connection is cut without an answer. */
  outage(isOut: boolean): void {
    this.#service.isOut = isOut;
  }

  /** Stops listening and cuts all connections. */
  async close(): Promise<void> {
    this.#service.close();
    this.#pushes.close();
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #requireApps(): Map<string, FakeApp> {
    if (this.#apps !== undefined) return this.#apps;
    throw new TypeError('setApp needs a fake that was started with apps');
  }
}
