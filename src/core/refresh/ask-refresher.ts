import { isStaleTokenError } from '../calls/stale-answer.js';
import { ATTEMPT_TIMEOUT_MS, SHORTEST_REQUEST_MS } from '../concurrency/time-limits.js';
import { safeCause, TokenError, toTokenError } from '../model/errors.js';
import { InputMissing } from '../model/input-missing.js';
import type {
  AppCredentials,
  Grant,
  RefreshContext,
  Refresher,
  RefreshReason,
  SpendOptions,
  Upstream,
} from '../model/refresher.js';
import { assertTypeName, keyId, type TokenKey } from '../model/token-key.js';
import type { TokenRecord } from '../model/token-record.js';
import { readFields } from '../primitives/assert-options.js';
import { isError } from '../primitives/foreign-objects.js';
import { describeWord } from '../primitives/redact.js';
import type { CountedLimits } from '../store/counted-limits.js';
import type { StoreClock } from '../store/store-clock.js';
import { AttemptTime } from './attempt-time.js';
import type { Restart } from './outcome.js';
import type { InputToken, RefreshInputs } from './refresh-inputs.js';
import { Interrupted, type Spending } from './spending.js';

export interface AskParts {
  readonly key: TokenKey;
  readonly app: AppCredentials;
  readonly refresher: Refresher;
  readonly reason: RefreshReason;
  readonly stale: string | undefined;
  readonly previous: TokenRecord | undefined;
  readonly inputs: RefreshInputs;
  readonly clock: StoreClock;
  readonly upstream: Upstream;
  readonly countedLimits: CountedLimits;
  readonly spending: Spending;
  /** Called with an answer that arrives after the end of the attempt. */
  readonly cameLate?: (grant: Grant) => void;
}

/**
 * The abort reason of an attempt's signal after the attempt has ended in time, for work that the refresher has left
 * behind. All attempts share one error, since recording a call stack takes longer than anything else in a refresh.
 */
const HAS_ENDED = new TokenError('UPSTREAM_UNAVAILABLE', 'the attempt has ended', { retryable: true });

/**
 * The answer to one attempt. `stale` means that a token which the attempt depended on was rejected, with this error.
 */
export type Asked =
  | { readonly kind: 'granted'; readonly grant: Grant }
  | { readonly kind: 'stale'; readonly dependencies: readonly InputToken[]; readonly error: TokenError }
  | Restart;

/**
 * Calls the refresher once, within the time of an attempt.
 *
 * @throws InputMissing, or a `TokenError`.
 */
export async function askRefresher(input: AskParts): Promise<Asked> {
  const { key, refresher, clock, spending } = input;
  const startedAt = clock.monotonic();
  const time = new AttemptTime(clock, key);
  const handedOut = new Map<string, InputToken>();
  const misuses = new Set<unknown>();
  try {
    const context = withMisuses(contextOf(input, startedAt, handedOut, time.signal), misuses);
    const grant = await untilAborted(time.signal, async () => refresher.refresh(context), input.cameLate);
    return { kind: 'granted', grant };
  } catch (error) {
    const { interruption } = spending;
    if (interruption instanceof Interrupted) return interruption.restart;
    if (interruption !== undefined) throw interruption;
    if (InputMissing.is(error)) throw error;
    const reason = misuses.has(error) ? (error as TypeError).message : safeCause(error).message;
    const message = `the refresher of ${key.type} failed: ${reason}`;
    const failure = toTokenError(error, 'UPSTREAM_UNAVAILABLE', message, {
      ...key,
      retryable: true,
    });
    if (!isStaleTokenError(error) || handedOut.size === 0) throw failure;
    return { kind: 'stale', dependencies: [...handedOut.values()], error: failure };
  } finally {
    time.end(HAS_ENDED);
  }
}

function contextOf(
  input: AskParts,
  startedAt: number,
  handedOut: Map<string, InputToken>,
  signal: AbortSignal,
): RefreshContext {
  const { key, app, previous, reason, stale, inputs, clock, upstream, countedLimits, spending } = input;
  return {
    key,
    app,
    previous,
    reason,
    stale,
    params: inputs.params,
    signal,
    async token(dependency) {
      const token = inputs.tokens.get(keyId(dependency));
      if (token === undefined) throw new TypeError(`${keyId(dependency)} is not named by dependsOn of ${key.type}`);
      if (!token.pushed) handedOut.set(keyId(dependency), token);
      return token.value;
    },
    async spend(offered, options = {}) {
      const { prefer = 'offered' } = readFields<SpendOptions>(options, ['prefer'], 'the options of spend');
      if (prefer !== 'offered' && prefer !== 'stored') {
        throw new TypeError(`prefer must be 'offered' or 'stored', got ${describeWord(prefer)}`);
      }
      const spent = await spending.spend(offered, prefer);
      signal.throwIfAborted();
      if (clock.monotonic() - startedAt > ATTEMPT_TIMEOUT_MS - SHORTEST_REQUEST_MS) throw isTooLateToSend(key);
      return spent;
    },
    async allow(name, limit) {
      assertTypeName(name);
      return (await countedLimits.draw(key, name, limit)).granted;
    },
    request: (request) =>
      upstream.request(request, { signal, withToken: handedOut.size > 0, secret: app.secret, user: key }),
  };
}

/**
 * Returns a context that adds to `misuses` each `TypeError` with which it refuses an argument: unlike those of foreign code, their
 * messages contain no values that may be secrets, so the author of the refresher may see them.
 */
function withMisuses(context: RefreshContext, misuses: Set<unknown>): RefreshContext {
  const noted = <Args extends unknown[], Result>(method: (...args: Args) => Promise<Result>) => {
    return async (...args: Args): Promise<Result> => {
      try {
        return await method(...args);
      } catch (error) {
        if (isError(error) && error.name === 'TypeError') misuses.add(error);
        throw error;
      }
    };
  };
  const { token, spend, allow, request } = context;
  return { ...context, token: noted(token), spend: noted(spend), allow: noted(allow), request: noted(request) };
}

function untilAborted(
  signal: AbortSignal,
  work: () => Promise<Grant>,
  cameLate: (grant: Grant) => void = () => {},
): Promise<Grant> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    work().then((grant) => (signal.aborted ? cameLate(grant) : resolve(grant)), reject);
  });
}

function isTooLateToSend(key: TokenKey): TokenError {
  const message =
    'the store took too long to record the refresh token before its use, so that too little time was left to send it';
  return new TokenError('STORE_UNAVAILABLE', message, { ...key, retryable: true });
}
