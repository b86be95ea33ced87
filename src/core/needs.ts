import type { Clock } from './clock.js';
import { Deadline } from './deadline.js';
import { isTokenError, safeCause, TokenError, toTokenError } from './errors.js';
import { isJsonObject, type JsonObject } from './json.js';
import { describeKind } from './redact.js';
import type { Refresher } from './refresher.js';
import type { RegisteredTask } from './registry.js';
import { keyId, type TokenKey } from './token-key.js';

const PARAMS_TIMEOUT_MS = 5_000;

/** What a refresh needs and has before it takes the lease. */
export interface Needs {
  readonly params: JsonObject;
  /** Values of the tokens it depends on, by key id. */
  readonly tokens: ReadonlyMap<string, { readonly key: TokenKey; readonly value: string }>;
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
  clock: Clock,
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

async function readParams(key: TokenKey, task: RegisteredTask | undefined, clock: Clock): Promise<JsonObject> {
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
