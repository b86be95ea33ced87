import type { Clock } from '../concurrency/clock.js';
import type { CallbackPort } from '../model/callback-port.js';
import type { Closing } from '../model/closing.js';
import { Deadline } from '../model/deadline.js';
import { assertNoCycle, dependenciesOf } from '../model/dependencies.js';
import { isTokenError, safeCause, TokenError, toTokenError, withFacts } from '../model/errors.js';
import { InputMissing } from '../model/input-missing.js';
import { assertParamSecrets } from '../model/param-secrets.js';
import type { BuiltInRefresher } from '../model/refresher.js';
import { isDynamicParams, type ParamsFunction } from '../model/registration.js';
import { keyId, type TokenKey } from '../model/token-key.js';
import { isInstanceWithoutFields } from '../primitives/assert-options.js';
import { bytesIn } from '../primitives/foreign-objects.js';
import { isJsonObject, type JsonObject } from '../primitives/json.js';
import { describeKind } from '../primitives/redact.js';
import type { Records } from '../records/records.js';
import type { Registry } from '../registry/registry.js';
import type { RegisteredTask } from '../registry/task-entry.js';

const PARAMS_TIMEOUT_MS = 5_000;
/** The timeout for a params URL: twice that of a function, since the call may have to wait for other calls first. */
const PARAMS_URL_TIMEOUT_MS = 10_000;

/** The params and tokens that a refresh needs and gathers before it acquires the lease. */
export interface RefreshInputs {
  readonly params: JsonObject;
  /** The values of the tokens that the key depends on, by key id. */
  readonly tokens: ReadonlyMap<string, InputToken>;
  /** Whether the task has a params URL that was not asked, because the store had the input that it would return. */
  readonly urlNotAsked: boolean;
}

export interface InputToken {
  readonly key: TokenKey;
  readonly value: string;
  /** Whether WeChat pushes the token, so that no refresh replaces it. */
  readonly pushed: boolean;
}

/** The conditions on which the params of a task are requested. */
export interface AskingForParams {
  /** Whether the store has the input that the params would contain, so that the refresh can go on without them. */
  readonly canDoWithout: boolean;
  /** Whether a URL is asked although that seems needless. */
  readonly asksParams: boolean;
}

/** The sources of the inputs of a refresh. */
export interface InputSources {
  readonly clock: Clock;
  /** The closing of the manager, which cuts requests for inputs short. */
  readonly closing: Closing;
  /** Returns a token as an ordinary `get` does. */
  readonly tokenOf: (key: TokenKey) => Promise<string>;
  readonly hasTask: (key: TokenKey) => boolean;
  readonly isPushed: (type: string) => boolean;
  /** Returns whether WeChat has pushed a token of this key. */
  readonly wasPushed: (key: TokenKey) => boolean;
  readonly callbacks: Pick<CallbackPort, 'askParams'>;
}

/**
 * Checks the dependencies of a key before any of them is requested. A task that was read from the store was checked, if
 * at all, with the refreshers of the process that registered it.
 *
 * @throws InputMissing
 */
export function assertDependencies(key: TokenKey, refresherOf: (type: string) => BuiltInRefresher | undefined): void {
  try {
    assertNoCycle(key, refresherOf);
  } catch (error) {
    const message = `${key.type} lacks what it depends on: ${(error as TypeError).message}`;
    throw new InputMissing(new TokenError('INPUT_MISSING', message, key));
  }
}

/**
 * Gathers the tokens that the key depends on, and the params.
 *
 * @throws InputMissing, or a `TokenError` with code `CLOSED` once the closing has begun.
 */
export async function gatherInputs(
  key: TokenKey,
  refresher: BuiltInRefresher,
  task: RegisteredTask | undefined,
  sources: InputSources,
  { canDoWithout, asksParams }: AskingForParams,
): Promise<RefreshInputs> {
  try {
    const dependencies = dependenciesOf(key, refresher);
    const isNeeded = asksParams || isUrlNeeded(key, refresher, dependencies, sources, canDoWithout);
    const urlNotAsked = typeof task?.params === 'string' && !isNeeded;
    const params = urlNotAsked ? {} : await readParams(key, task, sources, canDoWithout);
    const needed = dependencies.map(async (dependency) => {
      const pushed = sources.isPushed(dependency.type);
      return [
        keyId(dependency),
        { key: dependency, value: await tokenFor(dependency, params, sources), pushed },
      ] as const;
    });
    return { params, tokens: new Map(await Promise.all(needed)), urlNotAsked };
  } catch (error) {
    sources.closing.assertOpen();
    throw new InputMissing(toTokenError(error, 'INPUT_MISSING', `${key.type} lacks what it depends on`, key));
  }
}

/** Returns whether one of the tokens has expired or been replaced, so that WeChat would reject it. */
export function areOutdated(
  { tokens }: RefreshInputs,
  registry: Pick<Registry, 'task'>,
  records: Pick<Records, 'cache' | 'leftMs'>,
): boolean {
  return [...tokens.values()].some(({ key, value }) => {
    // A token without a task may have come from the params.
    const held = registry.task(key) === undefined ? undefined : records.cache.get(key);
    return held !== undefined && (held.value !== value || records.leftMs(held) <= 0);
  });
}

/** Returns whether the params URL has to be asked. Usable input in the store is used first. */
function isUrlNeeded(
  key: TokenKey,
  refresher: BuiltInRefresher,
  dependencies: readonly TokenKey[],
  { hasTask, wasPushed }: InputSources,
  canDoWithout: boolean,
): boolean {
  if (refresher.needsParams?.(key) === true || (refresher.spends !== undefined && !canDoWithout)) return true;
  return dependencies.some((dependency) => !hasTask(dependency) && !wasPushed(dependency));
}

async function tokenFor(dependency: TokenKey, params: JsonObject, sources: InputSources): Promise<string> {
  const { tokenOf, hasTask, isPushed } = sources;
  const given = params[dependency.type];
  if (typeof given !== 'string' || given === '' || hasTask(dependency)) return tokenOf(dependency);
  if (!isPushed(dependency.type)) return given;
  // A token that WeChat pushed here is newer than one that a task was registered with.
  return tokenOf(dependency).catch((error: unknown) => {
    if (isTokenError(error) && isLack(error)) return given;
    throw error;
  });
}

function isLack({ code }: TokenError): boolean {
  return code === 'INPUT_MISSING' || code === 'NOT_REGISTERED';
}

async function readParams(
  key: TokenKey,
  task: RegisteredTask | undefined,
  { clock, closing, callbacks }: InputSources,
  canDoWithout: boolean,
): Promise<JsonObject> {
  const params = task?.params;
  if (task?.functionMissing === true) {
    throw new TokenError('INPUT_MISSING', 'the params function of this task is not registered in this process', key);
  }
  if (!isDynamicParams(params)) return params ?? {};
  const what = typeof params === 'function' ? 'the params function' : 'the params URL';
  let answer: unknown;
  const asking = new AbortController();
  try {
    const timeoutMs = typeof params === 'function' ? PARAMS_TIMEOUT_MS : PARAMS_URL_TIMEOUT_MS;
    answer = await new Deadline(clock, timeoutMs, closing.signal).race(askFor(params, key, callbacks, asking.signal));
  } catch (error) {
    closing.assertOpen();
    if (canDoWithout) return {};
    // The function or URL may succeed the next time without any change here.
    if (isTokenError(error) && error.code !== 'TIMEOUT') throw withFacts(error, { retryable: true });
    throw new TokenError('INPUT_MISSING', `${what} failed`, { ...key, retryable: true, cause: safeCause(error) });
  } finally {
    asking.abort();
  }
  try {
    return checkedAnswer(what, answer);
  } catch (error) {
    if (canDoWithout) return {};
    throw new TokenError('INPUT_MISSING', (error as TypeError).message, { ...key, retryable: true });
  }
}

function checkedAnswer(what: string, answer: unknown): JsonObject {
  const isEmpty = isInstanceWithoutFields(answer, `the answer of ${what}`);
  const isBytes = bytesIn(answer) !== undefined;
  if (!isJsonObject(answer) || isEmpty || isBytes) {
    const got = isEmpty ? 'an instance of a class without fields, such as a Map' : describeKind(answer);
    throw new TypeError(`${what} must return an object, got ${isBytes ? 'bytes' : got}`);
  }
  assertParamSecrets(`the answer of ${what}`, answer);
  return answer;
}

async function askFor(
  params: ParamsFunction | string,
  key: TokenKey,
  callbacks: Pick<CallbackPort, 'askParams'>,
  signal: AbortSignal,
): Promise<unknown> {
  if (typeof params === 'function') return params(key);
  return callbacks.askParams(params, key, signal);
}
