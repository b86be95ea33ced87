import { dependenciesOf } from '../model/dependencies.js';
import type { TokenError } from '../model/errors.js';
import type { BuiltInRefresher } from '../model/refresher.js';
import { isDynamicParams } from '../model/registration.js';
import { chooseInput, type Rotation } from '../model/rotation.js';
import { keyId, type TokenKey } from '../model/token-key.js';
import {
  appIsMissing,
  attemptLacked,
  dependencyIsMissing,
  functionIsMissing,
  noOneRefreshes,
  noRefresher,
  noUrlsHere,
  paramsAreMissing,
  refreshTokenIsMissing,
  storeTakesNoWrites,
  ticketIsMissing,
  ticketIsRefused,
  type Waiting,
} from '../model/waiting-texts.js';
import { secretHash } from '../primitives/secret-hash.js';
import type { RegisteredTask } from '../registry/task-entry.js';

/** The known facts of a key from which it is decided whether its refresh has all inputs. */
export interface KnownKey {
  /** Whether the app is registered. */
  readonly isRegistered: boolean;
  readonly task: RegisteredTask | undefined;
  /** The value of an unexpired token. */
  readonly value: string | undefined;
  readonly rotation: Rotation | undefined;
  /** The error of the last attempt, if none has succeeded since. */
  readonly failure: { readonly code: string; readonly message: string } | undefined;
  /**
   * Whether the last attempt has shown that WeChat refuses the present pushed token. Absent where `rotation` says it,
   * which a process that has only memory to look at lacks for a key without a token.
   */
  readonly isTicketRefused?: boolean;
}

export interface WaitingParts {
  readonly refresherOf: (type: string) => BuiltInRefresher | undefined;
  /**
   * Returns the known facts of a key; `undefined` if nothing is known yet, so that keys that depend on it are not
   * judged.
   */
  readonly known: (key: TokenKey) => KnownKey | undefined;
  readonly isStoreWritable: boolean;
  /** Whether this process refreshes keys that are due. */
  readonly refreshes: boolean;
  /** Whether this process can ask URLs for params. */
  readonly asksUrls: boolean;
  readonly now: number;
  /**
   * The missing input of each dependency, by the id of its key, since many keys may depend on one. Without this map
   * each is judged anew.
   */
  readonly judged?: Map<string, Waiting | undefined>;
}

/** The length of the longest chain of dependencies that a registration may have. */
const MAX_DEPTH = 16;

/**
 * Returns what a key without a usable token waits for, so that no attempt is made until it arrives; `undefined` if the
 * key has all inputs of its refresh, or has failed and is retried. The decision depends on the known facts of the key
 * and its dependencies, so a process decides the same whether or not it has made an attempt.
 */
export function waitingOf(key: TokenKey, parts: WaitingParts): Waiting | undefined {
  const known = parts.known(key);
  if (known === undefined) return undefined;
  const lack = lackOf(key, parts, 0);
  if (lack !== undefined) return lack;
  if (parts.refreshes && !parts.isStoreWritable) return storeTakesNoWrites(key);
  return parts.refreshes || known.failure !== undefined ? undefined : noOneRefreshes(key);
}

/**
 * Returns what a key waits for, by the known facts and by the input that its last attempt in this process lacked. The
 * attempt knows more about params and about inputs that only the refresher asks for.
 */
export function waitingAfter(
  key: TokenKey,
  waiting: Waiting | undefined,
  lack: TokenError | undefined,
  hasFailed: boolean,
): Waiting | undefined {
  if (lack === undefined) return waiting;
  if (waiting === undefined) return hasFailed ? undefined : attemptLacked(key, lack);
  return waiting.waitingFor === 'params' ? { ...waiting, reason: lack.message } : waiting;
}

function lackOf(key: TokenKey, parts: WaitingParts, depth: number): Waiting | undefined {
  const known = parts.known(key);
  if (known === undefined || depth > MAX_DEPTH) return undefined;
  if (!known.isRegistered) return appIsMissing(key);
  const refresher = parts.refresherOf(key.type);
  if (refresher === undefined) return parts.refreshes ? noRefresher(key) : undefined;
  if (refresher.pushed === true) return ticketIsMissing(key, key);
  if (known.task?.functionMissing === true) return functionIsMissing(key);
  let needed: readonly TokenKey[];
  try {
    needed = dependenciesOf(key, refresher);
  } catch {
    // The refresh reports the error of the refresher.
    return undefined;
  }
  for (const dependency of needed) {
    const lack = lackOfDependency(key, dependency, known, parts, depth);
    if (lack !== undefined) return lack;
  }
  return lackOfInput(key, refresher, known, parts) ?? lackOfParams(key, refresher, needed, known, parts);
}

function lackOfDependency(
  key: TokenKey,
  dependency: TokenKey,
  { task, rotation, isTicketRefused = false }: KnownKey,
  parts: WaitingParts,
  depth: number,
): Waiting | undefined {
  const known = parts.known(dependency);
  if (known === undefined) return undefined;
  const isPushed = parts.refresherOf(dependency.type)?.pushed === true;
  const given = isPushed || known.task === undefined ? givenParams(task)[dependency.type] : undefined;
  const value = known.value ?? (typeof given === 'string' ? given : undefined);
  if (value !== undefined) {
    return isPushed && (isTicketRefused || isRefused(rotation, value)) ? ticketIsRefused(key, dependency) : undefined;
  }
  // Params that are requested from a function or URL may contain the token.
  if (isDynamicParams(task?.params) && known.task === undefined) return undefined;
  if (isPushed && known.isRegistered) return ticketIsMissing(key, dependency);
  if (known.failure !== undefined) return dependencyIsMissing(key, dependency, known.failure.message);
  const lack = lackOnce(dependency, parts, depth + 1);
  return lack && dependencyIsMissing(key, dependency, lack.reason, lack.root);
}

function lackOnce(key: TokenKey, parts: WaitingParts, depth: number): Waiting | undefined {
  const id = keyId(key);
  if (parts.judged?.has(id) === true) return parts.judged.get(id);
  const lack = lackOf(key, parts, depth);
  parts.judged?.set(id, lack);
  return lack;
}

function isRefused(rotation: Rotation | undefined, value: string): boolean {
  const hash = secretHash(value);
  return rotation?.refused?.some((refused) => refused.hash === hash) === true;
}

/** Returns the wait for a refresh token, if none is usable. One that was refused or has expired is not. */
function lackOfInput(
  key: TokenKey,
  { spends }: BuiltInRefresher,
  { task, rotation, failure }: KnownKey,
  { now }: WaitingParts,
): Waiting | undefined {
  if (failure?.code === 'REAUTHORIZATION_REQUIRED') return refreshTokenIsMissing(key, spends, 'refused');
  if (spends === undefined) return undefined;
  const offered = givenParams(task)[spends];
  const choice = chooseInput(rotation, typeof offered === 'string' ? offered : undefined, 'stored', now);
  if (choice.kind === 'send') return undefined;
  if (choice.kind === 'none' && isDynamicParams(task?.params)) return undefined;
  return refreshTokenIsMissing(key, spends, choice.kind);
}

/**
 * Returns the wait for params, if they are missing. Only the process that requests them knows what they lack; in any
 * other process they count as awaited.
 */
function lackOfParams(
  key: TokenKey,
  refresher: BuiltInRefresher,
  needed: readonly TokenKey[],
  { task, rotation, failure }: KnownKey,
  parts: WaitingParts,
): Waiting | undefined {
  if (!isDynamicParams(task?.params) || failure !== undefined) return undefined;
  const isUrl = typeof task.params === 'string';
  const isNeededEachTime = refresher.needsParams?.(key) === true;
  const hasInput = chooseInput(rotation, undefined, 'stored', parts.now).kind === 'send';
  if (hasInput && refresher.spends !== undefined && !isNeededEachTime) return undefined;
  const mayBeMissing = (dependency: TokenKey): boolean => {
    const known = parts.known(dependency);
    const isAtHand = parts.refresherOf(dependency.type)?.pushed === true && known?.value !== undefined;
    return known?.task === undefined && !isAtHand;
  };
  const isAsked = !isUrl || isNeededEachTime || refresher.spends !== undefined || needed.some(mayBeMissing);
  if (!isAsked) return undefined;
  return isUrl && parts.refreshes && !parts.asksUrls ? noUrlsHere(key) : paramsAreMissing(key, isUrl);
}

function givenParams(task: RegisteredTask | undefined): Readonly<Record<string, unknown>> {
  return task?.params === undefined || isDynamicParams(task.params) ? {} : task.params;
}
