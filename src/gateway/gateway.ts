import type { Clock } from '../core/concurrency/clock.js';
import { isTokenError } from '../core/model/errors.js';
import type { WeChatHosts } from '../wechat/hosts-of.js';
import type { TokenParameter } from '../wechat/token-parameter.js';
import type { UpstreamAnswer } from './answer-receiver.js';
import type { AnswerStream } from './answer-stream.js';
import { CallLimits, type LimitedCall } from './call-limits.js';
import { type CallReport, codesIn, measure } from './call-report.js';
import { comparablePath } from './canonical-path.js';
import { DeafCalls } from './deaf-calls.js';
import { headersFromWeChat, headersToWeChat } from './forwarded-headers.js';
import { bodyTooSlow, callerGone, GatewayFailure } from './gateway-failure.js';
import { type BodyMemory, HeldBodies } from './held-bodies.js';
import { withToken } from './query-pieces.js';
import { type ArrivingBody, type CallBody, isHeld, readWhileHeld, readWhole } from './request-body.js';
import { isStaleAnswer } from './stale-answer-code.js';
import { BETWEEN_BYTES_MS, StallGuard } from './stall-guard.js';
import type { CallToken, CallTokens } from './tokens/call-tokens.js';
import { Upstream, type WhenGone } from './upstream.js';
import { assertRepeatsNone, assertUsable } from './usable-answer.js';

/** The HTTP status that stands for a call without a token in reports. */
const NO_TOKEN = 503;
const BROKEN = { failure: 'the answer ended before it was whole' };

/** A call of WeChat's API, and the app that it counts for. */
export interface GatewayCall extends LimitedCall {
  /** The token that the gateway puts into the query; `undefined` for a query that has its own credential. */
  readonly token: { readonly of: CallToken; readonly parameter: TokenParameter } | undefined;
  /** Whether the caller must not see the token, so that no answer may repeat it. */
  readonly isTokenHidden?: boolean | undefined;
  /**
   * Asserts that the credential of the caller still opens the call; absent if WeChat judges it. It runs after the body was awaited,
   * which the caller can prolong at will, and before the call is repeated.
   *
   * @throws the failure that the caller is answered.
   */
  readonly assertAllowed?: (() => void | Promise<void>) | undefined;
  readonly method: 'GET' | 'POST';
  /** The canonical path. */
  readonly path: string;
  /** The raw query of the caller. */
  readonly query: string;
  header(name: string): string | undefined;
  readonly body: ArrivingBody | undefined;
  readonly whenGone: WhenGone;
}

/** WeChat's answer for the caller. */
export interface GatewayAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer | AnswerStream;
}

/** The parts of a gateway, and its options. */
export interface GatewayParts {
  readonly tokens: CallTokens;
  readonly hosts: WeChatHosts;
  readonly clock: Clock;
  /** The limit of calls of an app in a second; `undefined` for none. */
  readonly perSecondOfApp: number | undefined;
  /** Receives the outcome of each call. */
  readonly onCall: (report: CallReport) => void;
}

/** Sends the calls of others to WeChat with the tokens of a manager. */
export class Gateway {
  readonly #tokens: CallTokens;
  readonly #clock: Clock;
  readonly #onCall: (report: CallReport) => void;
  readonly #upstream: Upstream;
  readonly #limits: CallLimits;
  readonly #heldBodies = new HeldBodies();
  readonly #deafCalls: DeafCalls;

  constructor({ tokens, hosts, clock, perSecondOfApp, onCall }: GatewayParts) {
    this.#tokens = tokens;
    this.#clock = clock;
    this.#onCall = onCall;
    this.#upstream = new Upstream(hosts, clock);
    this.#limits = new CallLimits(clock, perSecondOfApp);
    this.#deafCalls = new DeafCalls(clock);
  }

  /**
   * Makes a call, and makes it once more with a new token if WeChat answers that the token was stale and the body is held.
   *
   * @throws GatewayFailure; a `TokenError` if there is no token.
   */
  async call(call: GatewayCall): Promise<GatewayAnswer> {
    const startedAt = this.#clock.monotonic();
    const report = (outcome: CallOutcome): void =>
      this.#onCall(reportOf(call, outcome, Math.round(this.#clock.monotonic() - startedAt)));
    try {
      const answer = await this.#callWithinLimits(call);
      const { status, body } = answer;
      measure(body, (bytes, isBroken) => report({ status, bytes, ...codesIn(answer), ...(isBroken && BROKEN) }));
      return forCaller(answer);
    } catch (error) {
      if (error instanceof GatewayFailure) report({ status: error.status, bytes: 0, failure: error.message });
      else if (isTokenError(error)) report({ status: NO_TOKEN, bytes: 0, failure: `no token: ${error.code}` });
      throw error;
    }
  }

  /**
   * Sends a request of this server itself, and returns the text of the answer; `undefined` for one that is streamed, because
   * it is too long or no JSON.
   *
   * @throws GatewayFailure.
   */
  async ask(path: string, body: object, appid: string): Promise<string | undefined> {
    const bytes = Buffer.from(JSON.stringify(body));
    const headers = { ...headersToWeChat(() => undefined, bytes.length), 'content-type': 'application/json' };
    const request = { method: 'POST' as const, target: path, headers, body: bytes };
    const answer = await this.#upstream.send(request, appid, () => () => {});
    if (!Buffer.isBuffer(answer.body)) answer.body.cancel();
    return Buffer.isBuffer(answer.body) ? answer.body.toString() : undefined;
  }

  close(): Promise<void> {
    return this.#upstream.close();
  }

  async #callWithinLimits(call: GatewayCall): Promise<UpstreamAnswer> {
    const { appid, body, whenGone } = call;
    const release = this.#limits.acquire(call);
    const memory = body === undefined ? undefined : this.#heldBodies.memoryOf(appid);
    try {
      const sent = body === undefined || memory === undefined ? undefined : await this.#bodyFor(body, memory, whenGone);
      if (body !== undefined) await call.assertAllowed?.();
      const answer = await this.#answerTo(call, sent);
      assertUsable(answer);
      if (Buffer.isBuffer(answer.body)) release();
      else answer.body.whenOver(release);
      return answer;
    } catch (error) {
      release();
      throw error;
    } finally {
      memory?.release();
    }
  }

  /** Returns the body when it is whole, if it may be held. No connection to WeChat is taken before. */
  #bodyFor(
    body: ArrivingBody,
    memory: BodyMemory,
    whenGone: WhenGone,
  ): ArrivingBody | Promise<Uint8Array | ArrivingBody> {
    const { length } = body;
    const mayHold = (bytes: number): boolean => memory.acquire(bytes);
    if (length === undefined) return this.#inTime(whenGone, (moved) => readWhileHeld(body, mayHold, moved));
    return memory.acquire(length) ? this.#inTime(whenGone, (moved) => readWhole(body, moved)) : body;
  }

  /** Reads a body of which each piece must arrive in time, as long as the caller is there. */
  #inTime<Body>(whenGone: WhenGone, read: (moved: () => void) => Promise<Body>): Promise<Body> {
    return new Promise((resolve, reject) => {
      const guard = new StallGuard(this.#clock, () => reject(bodyTooSlow()));
      const moved = (): void => guard.touch(BETWEEN_BYTES_MS);
      moved();
      // The body of a `Request` may stay open when its signal is aborted.
      const endListening = whenGone(() => {
        guard.end();
        reject(callerGone());
      });
      const failed = (error: unknown): void => reject(new GatewayFailure('body', (error as Error).message));
      const ended = (): void => {
        guard.end();
        endListening();
      };
      read(moved).then(resolve, failed).finally(ended);
    });
  }

  async #answerTo(call: GatewayCall, body: CallBody): Promise<UpstreamAnswer> {
    const { token, query } = call;
    if (token === undefined) return this.#send(call, query, body);
    const { of, parameter } = token;
    const sent: string[] = [];
    const send: Send = (value) => {
      sent.push(value);
      return this.#send(call, withToken(query, parameter, value), body, of.type);
    };
    const answer = await this.#answerWithToken(call, of, body, send);
    if (call.isTokenHidden === true) assertRepeatsNone(answer, sent);
    return answer;
  }

  /** Sends a call with a token of the manager, once more if that was stale, and returns the last answer. */
  async #answerWithToken(call: GatewayCall, of: CallToken, body: CallBody, send: Send): Promise<UpstreamAnswer> {
    const value = await this.#tokens.current(of);
    const answer = await send(value);
    if (!isStaleAnswer(answer)) return answer;
    const id = JSON.stringify([call.keyId, of.appid, of.type, of.subject, call.method, comparablePath(call.path)]);
    if (this.#deafCalls.has(id)) return answer;
    const fresh = await this.#tokens.replace(of, value).catch(() => value);
    if (fresh === value || !isHeld(body) || !(await isStillAllowed(call))) return answer;
    const repeated = await send(fresh);
    if (isStaleAnswer(repeated)) this.#deafCalls.note(id);
    return repeated;
  }

  #send(call: GatewayCall, query: string, body: CallBody, type = ''): Promise<UpstreamAnswer> {
    const { appid, method, path, whenGone } = call;
    const target = query === '' ? path : `${path}?${query}`;
    const headers = headersToWeChat((name) => call.header(name), body?.length);
    return this.#upstream.send({ method, target, headers, body }, `${appid}/${type}`, whenGone);
  }
}

function forCaller({ status, headers, body }: UpstreamAnswer): GatewayAnswer {
  return { status, headers: headersFromWeChat(headers, Buffer.isBuffer(body)), body };
}

async function isStillAllowed({ assertAllowed }: GatewayCall): Promise<boolean> {
  try {
    await assertAllowed?.();
    return true;
  } catch {
    return false;
  }
}

type Send = (token: string) => Promise<UpstreamAnswer>;
type CallOutcome = Pick<CallReport, 'status' | 'errcode' | 'rid' | 'failure' | 'bytes'>;

function reportOf({ appid, keyId, method, path }: GatewayCall, outcome: CallOutcome, durationMs: number): CallReport {
  return { appid, ...(keyId !== undefined && { keyId }), method, path, ...outcome, durationMs };
}
