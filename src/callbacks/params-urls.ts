import type { Clock } from '../core/concurrency/clock.js';
import { isTokenError, TokenError } from '../core/model/errors.js';
import { keyId, type TokenKey } from '../core/model/token-key.js';
import { boundedCache } from '../core/primitives/bounded-cache.js';
import { isJsonObject, type JsonObject } from '../core/primitives/json.js';
import { textOfUtf8 } from '../core/primitives/utf8-text.js';
import { withKeyInQuery } from './callback-query.js';
import type { TypeNumbers } from './contract-type-numbers.js';
import type { GuardedAnswer, GuardedRequests } from './guarded-request.js';
import { HostTurns, turnOf } from './host-turns.js';

interface Failed {
  readonly url: string;
  readonly error: TokenError;
  /** The end of the pause, on the monotonic clock. */
  readonly until: number;
}

const MAX_ASKING_PER_HOST = 8;
/** The longest wait for a slot of the host. The answer may then take as long again. */
const MAX_WAIT_MS = 5_000;
const MAX_REMEMBERED = 10_000;
/** The time for which a failure is reused, so that consecutive callers do not request a failing URL again and again. */
const REMEMBER_FAILURE_MS = 5_000;

/** Requests the params URLs of tasks. */
export class ParamsUrls {
  readonly #requests: GuardedRequests;
  readonly #typeNumbers: TypeNumbers;
  readonly #clock: Clock;
  readonly #turns: HostTurns;
  readonly #failed = boundedCache<string, Failed>(MAX_REMEMBERED);

  constructor(requests: GuardedRequests, typeNumbers: TypeNumbers, clock: Clock) {
    this.#requests = requests;
    this.#typeNumbers = typeNumbers;
    this.#clock = clock;
    this.#turns = new HostTurns(MAX_ASKING_PER_HOST, clock);
  }

  /**
   * Returns the JSON object with which the params URL of a task answers a GET.
   *
   * @throws a `TokenError` with code `INPUT_MISSING` when that is not a JSON object, `CLOSED`, or the signal's reason.
   */
  async ask(url: string, key: TokenKey, signal: AbortSignal): Promise<JsonObject> {
    const failed = this.#failed.get(keyId(key));
    if (failed !== undefined && failed.url === url && failed.until > this.#clock.monotonic()) throw failed.error;
    try {
      return await this.#ask(url, key, signal);
    } catch (error) {
      if (!isTokenError(error) || error.code !== 'INPUT_MISSING') throw error;
      this.#failed.set(keyId(key), { url, error, until: this.#clock.monotonic() + REMEMBER_FAILURE_MS });
      throw error;
    }
  }

  async #ask(text: string, key: TokenKey, signal: AbortSignal): Promise<JsonObject> {
    const url = withKeyInQuery(text, key, this.#typeNumbers);
    const { status, body } = await this.#inTurn(url, key, signal).catch((error: unknown) => {
      throw isTokenError(error) && error.code !== 'CLOSED' ? isNoInput(key, error.message) : error;
    });
    if (status < 200 || status > 299) throw isNoInput(key, `${url.host} answered with status ${status}`);
    const answered = textOfUtf8(body);
    if (answered === undefined) throw isNoInput(key, `${url.host} answered with a body that is not encoded in UTF-8`);
    let answer: unknown;
    try {
      answer = JSON.parse(answered);
    } catch {
      throw isNoInput(key, `${url.host} answered with a body that is not JSON`);
    }
    if (!isJsonObject(answer)) throw isNoInput(key, `${url.host} answered with JSON that is not an object`);
    return answer;
  }

  /**
   * Sends the request when there is a free slot. The request gets its full timeout after the wait, since a shorter one
   * would make it likely to fail.
   */
  async #inTurn(url: URL, key: TokenKey, signal: AbortSignal): Promise<GuardedAnswer> {
    const waiting = new AbortController();
    const giveUp = (): void => waiting.abort(signal.reason);
    const reason = `too many tasks ask ${url.host} at once`;
    const tooLong = (): void => waiting.abort(new TokenError('UPSTREAM_UNAVAILABLE', reason, key));
    const timer = this.#clock.setTimer(tooLong, MAX_WAIT_MS, { ref: true });
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await this.#turns.run(turnOf(url, key), waiting.signal, () => {
        timer.cancel();
        return this.#requests.send({ url, method: 'GET', headers: { accept: 'application/json' }, signal });
      });
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', giveUp);
    }
  }
}

function isNoInput(key: TokenKey, reason: string): TokenError {
  return new TokenError('INPUT_MISSING', `the params URL of this task cannot be used now: ${reason}`, key);
}
