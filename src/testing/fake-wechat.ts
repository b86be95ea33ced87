import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock, wait } from '../core/clock.js';
import type { JsonObject } from '../core/json.js';
import type { FakeCall, FakeRequest } from './fake-call.js';
import { errorAnswer, type FakeApp, type FakeState } from './fake-endpoint.js';
import { FAKE_ENDPOINTS } from './fake-endpoints.js';
import { type FakeCallMatcher, type FakeFault, FakeFaultScript, matchesCall } from './fake-faults.js';
import { readRequest, reset, sendDrip, sendHuge, sendJson, sendText } from './fake-http.js';
import { userAnswer } from './fake-oauth2-endpoints.js';
import { FakePlatformBook } from './fake-platform-book.js';
import { type FakeQuota, FakeQuotaBook } from './fake-quota.js';
import { type FakeRefreshTokenMode, FakeRefreshTokens } from './fake-refresh-tokens.js';
import { FakeTokenBook } from './fake-token-book.js';
import { FakeUserBook } from './fake-user-book.js';

/**
 * @public
 */
export interface FakeWeChatOptions {
  /** Default: 0, any free port. */
  readonly port?: number;
  /** Default: `127.0.0.1`. */
  readonly host?: string;
  /** What tokens age by. Default: `systemClock`. */
  readonly clock?: Clock;
  /** How long tokens and tickets live, in seconds. 1 to 31,536,000. Default: 7200. */
  readonly lifeSeconds?: number;
  /** How long a token lives on once another has replaced it, in seconds. Default: 300. */
  readonly overlapSeconds?: number;
  /** The apps by appid. Default: every appid exists, with the secret `secret`. */
  readonly apps?: Readonly<Record<string, FakeApp>>;
  /**
   * Limits by path. Default: 2000 a day for `/cgi-bin/token`, 10,000 a minute and 500,000 a day for
   * `/cgi-bin/stable_token`. A path named here replaces its default.
   */
  readonly quotas?: Readonly<Record<string, FakeQuota>>;
  /** How long an answer takes, in milliseconds of the clock. Default: 0. */
  readonly delayMs?: number;
  /** What becomes of a refresh token that is used. Default: `kept`. */
  readonly refreshTokens?: FakeRefreshTokenMode;
}

const DEFAULT_QUOTAS: Readonly<Record<string, FakeQuota>> = {
  '/cgi-bin/token': { perDay: 2_000 },
  '/cgi-bin/stable_token': { perMinute: 10_000, perDay: 500_000 },
};
const ANY_SECRET = 'secret';
const HTML = '<html><body>Gateway</body></html>';

/**
 * A WeChat on this machine: a real HTTP server that hands out tokens and tickets, lets them age, replaces, counts and
 * refuses them as WeChat does, and fails on demand.
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
  /** How long an answer takes, in milliseconds of the clock. */
  delayMs: number;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #apps: Map<string, FakeApp> | undefined;
  readonly #state: FakeState;
  readonly #tokens: FakeTokenBook;
  readonly #refreshTokens: FakeRefreshTokens;
  readonly #users: FakeUserBook;
  readonly #platforms: FakePlatformBook;
  readonly #faults = new FakeFaultScript();
  readonly #calls: FakeCall[] = [];
  readonly #waiting = new Set<(call: FakeCall) => void>();
  readonly #closing = new AbortController();
  #isOut = false;

  private constructor(options: FakeWeChatOptions) {
    const { clock = systemClock, lifeSeconds = 7_200, overlapSeconds = 300, apps, quotas, delayMs = 0 } = options;
    const { refreshTokens = 'kept' } = options;
    this.delayMs = delayMs;
    this.#clock = clock;
    this.#apps = apps === undefined ? undefined : new Map(Object.entries(apps));
    this.#tokens = new FakeTokenBook(clock, lifeSeconds * 1_000, overlapSeconds * 1_000);
    this.#refreshTokens = new FakeRefreshTokens(clock, refreshTokens);
    this.#users = new FakeUserBook(clock, lifeSeconds * 1_000, this.#refreshTokens);
    this.#platforms = new FakePlatformBook(clock, this.#tokens, this.#refreshTokens);
    this.#state = {
      tokens: this.#tokens,
      users: this.#users,
      platforms: this.#platforms,
      refreshTokens: this.#refreshTokens,
      quotas: new FakeQuotaBook(clock, new Map(Object.entries({ ...DEFAULT_QUOTAS, ...quotas }))),
      findApp: (appid) => (this.#apps === undefined ? { secret: ANY_SECRET } : this.#apps.get(appid)),
    };
    this.#server = createServer((message, response) => {
      this.#serve(message, response).catch(() => response.destroy());
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

  /** Where it listens, such as `http://127.0.0.1:40123`. */
  get origin(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
  }

  /** Everything it was asked, in order of arrival. */
  get calls(): readonly FakeCall[] {
    return this.#calls;
  }

  /** How many calls came, to one path, or as the function picks. Default: all. */
  countCalls(matcher: FakeCallMatcher = '*'): number {
    return this.#calls.filter((call) => matchesCall(matcher, call)).length;
  }

  /** The next call that comes, to one path, or as the function picks. It is not answered yet. */
  nextCall(matcher: FakeCallMatcher = '*'): Promise<FakeCall> {
    return new Promise((resolve) => {
      const look = (call: FakeCall): void => {
        if (!matchesCall(matcher, call)) return;
        this.#waiting.delete(look);
        resolve(call);
      };
      this.#waiting.add(look);
    });
  }

  /**
   * Adds an app, or changes its secret or whitelist.
   *
   * @throws TypeError when the fake was started without `apps`, so that every appid exists.
   */
  setApp(appid: string, app: FakeApp): void {
    this.#requireApps().set(appid, app);
  }

  /** How often a refresh token came that had been used before. */
  get replays(): number {
    return this.#refreshTokens.replays;
  }

  /** Whether this token, ticket or refresh token would be accepted now. */
  isValid(value: string): boolean {
    if (this.#tokens.stateOf(value) === 'valid' || this.#tokens.isTicketValid(value)) return true;
    return this.#users.stateOf(value) === 'valid' || this.#refreshTokens.isAccepted(value);
  }

  /** Lets a token, ticket or refresh token end now: calls with a token are answered with 42001. */
  expire(value: string): void {
    this.#tokens.expire(value);
    this.#users.expire(value);
    this.#platforms.expireTicket(value);
    this.#refreshTokens.expire(value);
  }

  /**
   * Has a user authorize an app. Earlier refresh tokens of the user stay good.
   *
   * @returns what WeChat answers to the code: `access_token`, `expires_in`, `refresh_token` (good for 30 days), `openid`
   *   and `scope`.
   */
  authorizeUser(appid: string, openid: string): JsonObject & { readonly refresh_token: string } {
    const issue = this.#users.authorize(appid, openid);
    return { ...userAnswer(issue), refresh_token: issue.refreshToken };
  }

  /** The code with which WeChat sends a user back to the app: good for one exchange. */
  createCode(appid: string, openid: string): string {
    return this.#users.createCode(appid, openid);
  }

  /** The `component_verify_ticket` that WeChat pushes to a platform: good for 12 hours, and so is the one before. */
  pushVerifyTicket(component: string): string {
    return this.#platforms.pushTicket(component);
  }

  /**
   * Has a merchant authorize a platform. What an earlier authorization gave is dead.
   *
   * @returns the merchant's refresh token.
   */
  authorizeMerchant(component: string, authorizer: string): string {
    return this.#platforms.authorize(component, authorizer);
  }

  /** Has a user (42007) or a merchant (61003) take the authorization back. */
  withdrawAuthorization(appid: string, subject: string): void {
    this.#users.withdraw(appid, subject);
    this.#platforms.withdraw(appid, subject);
  }

  /**
   * Withdraws all tokens of an app: calls with them are answered with 40001. Stable mode repeats its dead token until it
   * is forced.
   */
  revoke(appid: string): void {
    this.#tokens.revoke(appid);
  }

  /** Does what another system does that asks for tokens of the same app: those handed out before are dead at once. */
  supersede(appid: string): void {
    this.#tokens.supersede(appid);
  }

  /**
   * Scripts a fault; of several for one call the oldest comes first.
   *
   * @param options - `times`: how many calls it spoils. Default: all, until it is cleared.
   * @returns a function that clears it.
   */
  fail(matcher: FakeCallMatcher, fault: FakeFault, options: { readonly times?: number } = {}): () => void {
    return this.#faults.add(matcher, fault, options.times ?? Number.POSITIVE_INFINITY);
  }

  /** Starts or ends an outage: every connection is cut without an answer. */
  outage(isOut: boolean): void {
    this.#isOut = isOut;
  }

  /** Stops listening and cuts all connections. */
  async close(): Promise<void> {
    this.#closing.abort();
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

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(message);
    const endpoint = FAKE_ENDPOINTS.get(request.path);
    const call = {
      at: this.#clock.now(),
      method: request.method,
      path: request.path,
      appid: endpoint?.appid(request, this.#state),
      subject: endpoint?.subject?.(request, this.#state),
      tokenType: endpoint?.tokenType(request),
      forced: request.body?.['force_refresh'] === true,
      errcode: undefined,
    };
    const fault = this.#isOut ? 'reset' : this.#faults.take(call);
    const answer = this.#answer(request, fault);
    this.#log({ ...call, errcode: answer === undefined ? undefined : Number(answer['errcode'] ?? 0) });
    const delayMs = typeof fault === 'object' && 'delayMs' in fault ? fault.delayMs : this.delayMs;
    if (delayMs > 0) await wait(this.#clock, delayMs, { ref: true, signal: this.#closing.signal });
    this.#send(response, answer, fault);
  }

  /** `undefined` where the fault leaves none. */
  #answer(request: FakeRequest, fault: FakeFault | undefined): JsonObject | undefined {
    if (fault === undefined || fault === 'lost') return this.#properAnswer(request);
    if (typeof fault === 'string' || 'status' in fault) return undefined;
    if ('errcode' in fault) return errorAnswer(fault.errcode, fault.errmsg);
    if ('answer' in fault) return fault.answer;
    const answer = this.#properAnswer(request);
    if (answer === undefined || 'delayMs' in fault) return answer;
    if ('expires_in' in fault) return { ...answer, expires_in: fault.expires_in };
    if ('change' in fault) return { ...answer, ...fault.change };
    const isEmpty = (name: string): boolean => (fault.empty === true ? isTokenName(name) : name === fault.empty);
    return Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, isEmpty(name) ? '' : value]));
  }

  #properAnswer(request: FakeRequest): JsonObject | undefined {
    return FAKE_ENDPOINTS.get(request.path)?.answer(request, this.#state);
  }

  #log(call: FakeCall): void {
    this.#calls.push(call);
    for (const look of [...this.#waiting]) look(call);
  }

  #send(response: ServerResponse, answer: JsonObject | undefined, fault: FakeFault | undefined): void {
    if (fault === 'reset' || fault === 'lost') reset(response);
    else if (fault === 'hang') return;
    else if (fault === 'html') sendText(response, 200, HTML);
    else if (fault === 'broken-json') sendText(response, 200, '{"access_token":"broken', JSON_TYPE);
    else if (fault === 'huge') sendHuge(response);
    else if (fault === 'drip') sendDrip(response, this.#clock);
    else if (fault !== undefined && 'status' in fault)
      sendText(response, fault.status, fault.body ?? HTML, fault.headers);
    else if (answer === undefined) sendText(response, 404, HTML);
    else sendJson(response, answer);
  }
}

const JSON_TYPE = { 'content-type': 'application/json' };

function isTokenName(name: string): boolean {
  return name.endsWith('token') || name === 'ticket';
}
