import type { Clock } from '../core/concurrency/clock.js';
import { RateLimiter } from '../core/concurrency/rate-limit.js';
import { boundedCache } from '../core/primitives/bounded-cache.js';
import { secretHash } from '../core/primitives/secret-hash.js';
import { parseAnswer, readErrcode } from '../wechat/answer.js';
import type { Gateway } from './gateway.js';

const PER_SECOND = 1;
const PER_DAY = 100;
const DAY_MS = 86_400_000;
const REST_MS = 600_000;
const REFUSALS_OF_APPID = 3;
const MAX_REMEMBERED = 1_000;
/** Stands for a code that is not a number. */
const UNREADABLE = -1;
/** The codes that concern this server and not the pair: its address is not in the whitelist, or needs a confirmation. */
const OF_THIS_SERVER = /^(?:40164|895\d\d)$/;

/** The outcome of a trial: WeChat accepts the pair, or refuses it with this code. */
export type TrialOutcome = 'accepted' | { readonly errcode: number; readonly errmsg: string };

/** The refusals of an appid, by monotonic time. */
interface RefusedAppid {
  readonly refusals: number;
  readonly until: number;
}

/**
 * Tries pairs of appid and secret at WeChat, which counts wrong ones against the address of this server. The trials are
 * therefore limited, and a refused pair is not tried again for ten minutes.
 */
export class PairTrials {
  readonly #gateway: Pick<Gateway, 'ask'>;
  readonly #clock: Clock;
  readonly #rate = new RateLimiter(PER_SECOND, PER_SECOND);
  /** The monotonic times of the trials of the last day. */
  readonly #trials: number[] = [];
  readonly #refused = boundedCache<string, number>(MAX_REMEMBERED);
  readonly #refusedAppids = boundedCache<string, RefusedAppid>(MAX_REMEMBERED);
  readonly #underWay = new Map<string, Promise<TrialOutcome | undefined>>();
  #restsUntil = Number.NEGATIVE_INFINITY;

  constructor(gateway: Pick<Gateway, 'ask'>, clock: Clock) {
    this.#gateway = gateway;
    this.#clock = clock;
  }

  /** Tries a pair; `undefined` if it may not be tried now, or WeChat did not judge it. */
  try(appid: string, secret: string): Promise<TrialOutcome | undefined> {
    const pair = `${appid}\n${secretHash(secret)}`;
    const underWay = this.#underWay.get(pair);
    if (underWay !== undefined) return underWay;
    if (!this.#mayTry(appid, pair)) return Promise.resolve(undefined);
    const trial = this.#try(appid, secret, pair).finally(() => this.#underWay.delete(pair));
    this.#underWay.set(pair, trial);
    return trial;
  }

  #mayTry(appid: string, pair: string): boolean {
    const now = this.#clock.monotonic();
    const ofAppid = this.#refusedAppids.get(appid);
    const appidRests = ofAppid !== undefined && ofAppid.refusals >= REFUSALS_OF_APPID && now < ofAppid.until;
    if (appidRests || now < this.#restsUntil || now < (this.#refused.get(pair) ?? 0)) return false;
    while ((this.#trials[0] ?? now) < now - DAY_MS) this.#trials.shift();
    if (this.#trials.length >= PER_DAY || this.#rate.reserve(now) > 0) return false;
    this.#trials.push(now);
    return true;
  }

  async #try(appid: string, secret: string, pair: string): Promise<TrialOutcome | undefined> {
    const body = { grant_type: 'client_credential', appid, secret, force_refresh: false };
    const text = await this.#gateway.ask('/cgi-bin/stable_token', body, appid).catch(() => undefined);
    const answer = parseAnswer(text);
    if (answer === undefined) return undefined;
    if (typeof answer['access_token'] === 'string') {
      this.#refusedAppids.delete(appid);
      return 'accepted';
    }
    const errcode = readErrcode(answer['errcode']) ?? UNREADABLE;
    const now = this.#clock.monotonic();
    if (OF_THIS_SERVER.test(String(errcode))) this.#restsUntil = now + REST_MS;
    else if (errcode > 0) {
      this.#refused.set(pair, now + REST_MS);
      const refusals = (this.#refusedAppids.get(appid)?.refusals ?? 0) + 1;
      this.#refusedAppids.set(appid, { refusals, until: now + REST_MS });
    }
    const { errmsg } = answer;
    return { errcode, errmsg: typeof errmsg === 'string' ? errmsg.replaceAll(secret, '***') : 'refused by WeChat' };
  }
}
