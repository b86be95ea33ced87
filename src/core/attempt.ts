import type { Allowances } from './allowance.js';
import { Deadline } from './deadline.js';
import { isTokenError, safeCause, TokenError, toTokenError } from './errors.js';
import type { JsonObject } from './json.js';
import { isJsonObject } from './json.js';
import { describeKind } from './redact.js';
import type { AppCredentials, Grant, RefreshContext, Refresher, RefreshReason, Upstream } from './refresher.js';
import type { RegisteredTask } from './registry.js';
import { isStaleTokenError } from './stale-answer.js';
import type { StoreClock } from './store-clock.js';
import { ATTEMPT_TIMEOUT_MS } from './time-limits.js';
import { assertTypeName, keyId, type TokenKey } from './token-key.js';
import type { TokenRecord } from './token-record.js';

const PARAMS_TIMEOUT_MS = 5_000;

/** What a refresh needs and has before it takes the lease. */
export interface Needs {
  readonly params: JsonObject;
  /** Values of the tokens it depends on, by key id. */
  readonly tokens: ReadonlyMap<string, { readonly key: TokenKey; readonly value: string }>;
}

export interface AttemptInput {
  readonly key: TokenKey;
  readonly app: AppCredentials;
  readonly refresher: Refresher;
  readonly reason: RefreshReason;
  readonly stale: string | undefined;
  readonly previous: TokenRecord | undefined;
  readonly needs: Needs;
  readonly clock: StoreClock;
  readonly upstream: Upstream;
  readonly allowances: Allowances;
}

/** A token that the attempt depended on turned out to be stale. */
export class StaleDependency extends Error {
  readonly dependencies: readonly { readonly key: TokenKey; readonly value: string }[];
  readonly error: TokenError;

  constructor(dependencies: StaleDependency['dependencies'], error: TokenError) {
    super('a token that this refresh depends on is stale');
    this.dependencies = dependencies;
    this.error = error;
  }
}

/** Something that a refresh needs could not be had: never a failure of the key itself. */
export class NeedMissing extends Error {
  readonly error: TokenError;

  constructor(error: TokenError) {
    super(error.message);
    this.error = error;
  }
}

/**
 * Fetches the dependencies and the params.
 *
 * @param tokenOf - an ordinary `get`.
 * @throws NeedMissing
 */
export async function gatherNeeds(
  key: TokenKey,
  refresher: Refresher,
  task: RegisteredTask | undefined,
  clock: StoreClock,
  hasTask: (key: TokenKey) => boolean,
  tokenOf: (key: TokenKey) => Promise<string>,
): Promise<Needs> {
  try {
    const params = await readParams(key, task, clock);
    const entries = (refresher.dependsOn?.(key) ?? []).map(async (dependency) => {
      const given = hasTask(dependency) ? undefined : params[dependency.type];
      const value = typeof given === 'string' && given !== '' ? given : await tokenOf(dependency);
      return [keyId(dependency), { key: dependency, value }] as const;
    });
    return { params, tokens: new Map(await Promise.all(entries)) };
  } catch (error) {
    throw new NeedMissing(toTokenError(error, 'INPUT_MISSING', `${key.type} lacks what it depends on`, key));
  }
}

async function readParams(key: TokenKey, task: RegisteredTask | undefined, clock: StoreClock): Promise<JsonObject> {
  const params = task?.params;
  if (task?.functionMissing === true) {
    throw new TokenError('INPUT_MISSING', 'the params function of this task is not registered in this process', key);
  }
  if (typeof params !== 'function') return params ?? {};
  let answer: unknown;
  try {
    answer = await new Deadline(clock, PARAMS_TIMEOUT_MS, undefined).race((async () => params(key))());
  } catch (error) {
    if (isTokenError(error) && error.code !== 'TIMEOUT') throw error;
    throw new TokenError('INPUT_MISSING', 'the params function failed', { ...key, cause: safeCause(error) });
  }
  if (isJsonObject(answer)) return answer;
  throw new TokenError('INPUT_MISSING', `the params function must return an object, got ${describeKind(answer)}`, key);
}

/**
 * Asks the refresher once, within the attempt's time.
 *
 * @throws StaleDependency, or a `TokenError`.
 */
export async function ask(input: AttemptInput): Promise<Grant> {
  const { key, refresher, clock } = input;
  const controller = new AbortController();
  const timer = clock.setTimer(() => controller.abort(timeoutError(key)), ATTEMPT_TIMEOUT_MS, { ref: true });
  const handedOut = new Map<string, { readonly key: TokenKey; readonly value: string }>();
  try {
    const context = contextOf(input, handedOut, controller.signal);
    return await untilAborted(controller.signal, async () => refresher.refresh(context));
  } catch (error) {
    const failure = toTokenError(error, 'UPSTREAM_UNAVAILABLE', `the refresher of ${key.type} failed`, {
      ...key,
      retryable: true,
    });
    if (isStaleTokenError(error) && handedOut.size > 0) throw new StaleDependency([...handedOut.values()], failure);
    throw failure;
  } finally {
    timer.cancel();
    controller.abort(timeoutError(key));
  }
}

function contextOf(
  input: AttemptInput,
  handedOut: Map<string, { readonly key: TokenKey; readonly value: string }>,
  signal: AbortSignal,
): RefreshContext {
  const { key, app, previous, reason, stale, needs, upstream, allowances } = input;
  return {
    key,
    app,
    previous,
    reason,
    stale,
    params: needs.params,
    signal,
    async token(dependency) {
      const token = needs.tokens.get(keyId(dependency));
      if (token === undefined) throw new TypeError(`${keyId(dependency)} is not named by dependsOn of ${key.type}`);
      handedOut.set(keyId(dependency), token);
      return token.value;
    },
    async allow(name, limit) {
      assertTypeName(name);
      return (await allowances.take(key, name, limit)).granted;
    },
    request: (request) => upstream.request(request, { signal, withToken: handedOut.size > 0 }),
  };
}

function untilAborted<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    work().then(resolve, reject);
  });
}

function timeoutError(key: TokenKey): TokenError {
  return new TokenError('UPSTREAM_UNAVAILABLE', `no answer within ${ATTEMPT_TIMEOUT_MS} ms`, {
    ...key,
    retryable: true,
  });
}
