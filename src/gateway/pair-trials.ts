import type { Clock } from '../core/concurrency/clock.js';
import { RateLimiter } from '../core/concurrency/rate-limit.js';
import { boundedCache } from '../core/primitives/bounded-cache.js';
import { secretHash } from '../core/primitives/secret-hash.js';
import { parseAnswer, readErrcode } from '../wechat/answer.js';
import { classify } from '../wechat/classify.js';
import type { Gateway } from './gateway.js';

const PER_SECOND = 1;
const PER_DAY = 100;
const DAY_MS = 86_400_000;
const REST_MS = 600_000;
/** The longest rest of a pair. Each refusal doubles it, so that a mistyped secret does not use up the trials of all apps. */
const MAX_REST_MS = 4_800_000;
const REFUSALS_OF_APPID = 3;
const MAX_REMEMBERED = 1_000;
/** Stands for a code that is not a number. */
const UNREADABLE = -1;
/** The codes that concern this server and not the pair: its address is not in the whitelist, or needs a confirmation. */
const OF_THIS_SERVER = /^(?:40164|895\d\d)$/;

/** The refusal of a pair by WeChat. */
export interface TrialRefusal {
  readonly errcode: number;
  readonly errmsg: string;
}

/** The reason for which no pair, or not this one, is tried now. */
export interface TrialRest {
  readonly reason: string;
  readonly retryAfterMs: number;
}

/** The outcome of a trial: WeChat accepts the pair, refuses it or gives no answer, or is not asked now. */
export type TrialOutcome = 'accepted' | 'unanswered' | TrialRefusal | TrialRest;

interface RefusedServer extends TrialRefusal {
  /** The monotonic time until which no pair is tried. */
  readonly until: number;
}

interface RefusedPair extends TrialRefusal {
  /** The monotonic time until which the pair is not tried again. */
  readonly until: number;
  readonly restMs: number;
}

/** The refusals of an appid, by monotonic time. */
interface RefusedAppid {
  readonly refusals: number;
  readonly until: number;
}

/**
 * Tries pairs of appid and secret at WeChat, which counts wrong ones against the address of this server. The trials are
 * therefore limited, and a refused pair is not tried again for ten minutes, and for longer each time that it is refused.
 */
export class PairTrials {
  readonly #gateway: Pick<Gateway, 'ask'>;
  readonly #clock: Clock;
  readonly #rate = new RateLimiter(PER_SECOND, PER_SECOND);
  /** The monotonic times of the trials of the last day that WeChat has refused, or has not answered yet. */
  readonly #trials: number[] = [];
  readonly #refused = boundedCache<string, RefusedPair>(MAX_REMEMBERED);
  readonly #refusedAppids = boundedCache<string, RefusedAppid>(MAX_REMEMBERED);
  readonly #underWay = new Map<string, Promise<TrialOutcome>>();
  /** The refusal that concerns this server, after which no pair is tried for a while. */
  #refusedServer: RefusedServer | undefined;

  constructor(gateway: Pick<Gateway, 'ask'>, clock: Clock) {
    this.#gateway = gateway;
    this.#clock = clock;
  }

  /** Tries a pair, or tells why it is not tried now. A pair that was refused lately is refused in the same way. */
  try(appid: string, secret: string): Promise<TrialOutcome> {
    const pair = `${appid}\n${secretHash(secret)}`;
    const underWay = this.#underWay.get(pair);
    if (underWay !== undefined) return underWay;
    const now = this.#clock.monotonic();
    const refused = this.#refused.get(pair);
    if (refused !== undefined && now < refused.until) return Promise.resolve(refused);
    const rest = this.#restAt(now, appid);
    if (rest !== undefined) return Promise.resolve(rest);
    this.#trials.push(now);
    const trial = this.#try(appid, secret, pair, now).finally(() => this.#underWay.delete(pair));
    this.#underWay.set(pair, trial);
    return trial;
  }

  /** Returns why a pair may not be tried now, or reserves a trial. */
  #restAt(now: number, appid: string): TrialRest | undefined {
    const server = this.#refusedServer;
    if (server !== undefined && now < server.until) {
      const reason = `no pair is tried at WeChat for a while, because it has answered ${server.errcode} to this server`;
      return { reason, retryAfterMs: server.until - now };
    }
    const ofAppid = this.#refusedAppids.get(appid);
    if (ofAppid !== undefined && ofAppid.refusals >= REFUSALS_OF_APPID && now < ofAppid.until) {
      const reason = `WeChat has refused ${REFUSALS_OF_APPID} secrets of this app: no other is tried for a while`;
      return { reason, retryAfterMs: ofAppid.until - now };
    }
    while ((this.#trials[0] ?? now) < now - DAY_MS) this.#trials.shift();
    if (this.#trials.length >= PER_DAY) {
      const reason = `WeChat has refused ${PER_DAY} pairs of appid and secret in a day: this server tries no other for a while`;
      return { reason, retryAfterMs: (this.#trials[0] ?? now) + DAY_MS - now };
    }
    const retryAfterMs = this.#rate.reserve(now);
    if (retryAfterMs === 0) return undefined;
    return { reason: 'this server tries one pair of appid and secret a second', retryAfterMs };
  }

  async #try(appid: string, secret: string, pair: string, startedAt: number): Promise<TrialOutcome> {
    const body = { grant_type: 'client_credential', appid, secret, force_refresh: false };
    const text = await this.#gateway.ask('/cgi-bin/stable_token', body, appid).catch(() => undefined);
    const answer = parseAnswer(text);
    const token = answer?.['access_token'];
    const errmsg = answer?.['errmsg'];
    const errcode = readErrcode(answer?.['errcode']) ?? UNREADABLE;
    const refusal = {
      errcode,
      errmsg: typeof errmsg === 'string' ? errmsg.replaceAll(secret, '***') : 'refused by WeChat',
    };
    const limitMs = this.#limitMs(refusal);
    // Only a refusal counts against this server at WeChat. While WeChat or its whitelist refuses every trial, a program that asks
    // again each second would use up those of the day within minutes.
    if (typeof token === 'string' || limitMs !== undefined || !concernsPair(errcode))
      this.#trials.splice(this.#trials.indexOf(startedAt), 1);
    if (answer === undefined) return 'unanswered';
    if (typeof token === 'string') {
      this.#refused.delete(pair);
      this.#refusedAppids.delete(appid);
      return 'accepted';
    }
    this.#note(refusal, appid, pair, limitMs);
    return refusal;
  }

  /** Returns the time for which a limit of WeChat, which other programs may have used up, lasts; `undefined` for other refusals. */
  #limitMs({ errcode, errmsg }: TrialRefusal): number | undefined {
    const now = this.#clock.now();
    const { code, retryAt = now } = classify({ errcode, errmsg, withToken: false, now, random: this.#clock.random() });
    return code === 'QUOTA_EXHAUSTED' ? Math.min(REST_MS, retryAt - now) : undefined;
  }

  #note(refusal: TrialRefusal, appid: string, pair: string, limitMs: number | undefined): void {
    const now = this.#clock.monotonic();
    if (isOfThisServer(refusal.errcode)) this.#refusedServer = { ...refusal, until: now + REST_MS };
    else if (limitMs !== undefined) {
      const restMs = this.#refused.get(pair)?.restMs ?? REST_MS / 2;
      this.#refused.set(pair, { ...refusal, until: now + limitMs, restMs });
    } else if (concernsPair(refusal.errcode)) {
      const restMs = Math.min(MAX_REST_MS, 2 * (this.#refused.get(pair)?.restMs ?? REST_MS / 2));
      this.#refused.set(pair, { ...refusal, until: now + restMs, restMs });
      const refusals = (this.#refusedAppids.get(appid)?.refusals ?? 0) + 1;
      this.#refusedAppids.set(appid, { refusals, until: now + REST_MS });
    }
  }
}

function isOfThisServer(errcode: number): boolean {
  return OF_THIS_SERVER.test(String(errcode));
}

function concernsPair(errcode: number): boolean {
  return errcode > 0 && !isOfThisServer(errcode);
}
