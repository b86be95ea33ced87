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
  readonly tokens: ReadonlyMap<string, NeededToken>;
}

export interface NeededToken {
  readonly key: TokenKey;
  readonly value: string;
  /** WeChat pushes it, so that nobody can replace it. */
  readonly pushed: boolean;
}

/** Where the needs of a refresh come from. */
export interface NeedSources {
  readonly clock: Clock;
  /** An ordinary `get`. */
  readonly tokenOf: (key: TokenKey) => Promise<string>;
  readonly hasTask: (key: TokenKey) => boolean;
  readonly isPushed: (type: string) => boolean;
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
 * @param canDoWithout - the store has what the params would bring, so that a params function that fails costs nothing.
 * @throws NeedMissing
 */
export async function gatherNeeds(
  key: TokenKey,
  refresher: Refresher,
  task: RegisteredTask | undefined,
  sources: NeedSources,
  canDoWithout: boolean,
): Promise<Needs> {
  try {
    const params = await readParams(key, task, sources.clock, canDoWithout);
    const needed = (refresher.dependsOn?.(key) ?? []).map(async (dependency) => {
      const pushed = sources.isPushed(dependency.type);
      return [
        keyId(dependency),
        { key: dependency, value: await tokenFor(dependency, params, sources), pushed },
      ] as const;
    });
    return { params, tokens: new Map(await Promise.all(needed)) };
  } catch (error) {
    throw new NeedMissing(toTokenError(error, 'INPUT_MISSING', `${key.type} lacks what it depends on`, key));
  }
}

async function tokenFor(dependency: TokenKey, params: JsonObject, sources: NeedSources): Promise<string> {
  const { tokenOf, hasTask, isPushed } = sources;
  const given = params[dependency.type];
  if (typeof given !== 'string' || given === '' || hasTask(dependency)) return tokenOf(dependency);
  if (!isPushed(dependency.type)) return given;
  // What WeChat pushed here is newer than what a task was registered with.
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
  clock: Clock,
  canDoWithout: boolean,
): Promise<JsonObject> {
  const params = task?.params;
  if (task?.functionMissing === true) {
    throw new TokenError('INPUT_MISSING', 'the params function of this task is not registered in this process', key);
  }
  if (typeof params !== 'function') return params ?? {};
  let answer: unknown;
  try {
    answer = await new Deadline(clock, PARAMS_TIMEOUT_MS, undefined).race((async () => params(key))());
  } catch (error) {
    if (canDoWithout) return {};
    if (isTokenError(error) && error.code !== 'TIMEOUT') throw error;
    throw new TokenError('INPUT_MISSING', 'the params function failed', { ...key, cause: safeCause(error) });
  }
  if (isJsonObject(answer)) return answer;
  if (canDoWithout) return {};
  throw new TokenError('INPUT_MISSING', `the params function must return an object, got ${describeKind(answer)}`, key);
}
