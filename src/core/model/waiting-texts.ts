import type { TokenError } from './errors.js';
import type { Choice } from './rotation.js';
import { keyId, type TokenKey, tokenKey } from './token-key.js';

/**
 * The thing that a task without a usable token waits for. `push`: a token that WeChat pushes. `refresh_token`: one that the
 * user or merchant gives by authorizing. `dependency`: another token. `params`: what the params function or URL brings.
 * `store`: a store that takes writes, or the right key to what it holds. `process`: a process that has what this one lacks.
 *
 * @public
 */
export type WaitingFor = 'push' | 'refresh_token' | 'dependency' | 'params' | 'store' | 'process';

export const WAITING_FOR: readonly WaitingFor[] = ['push', 'refresh_token', 'dependency', 'params', 'store', 'process'];

/** The reason why no attempt is made for a key without a usable token. */
export interface Waiting {
  readonly waitingFor: WaitingFor;
  readonly reason: string;
  /** The action that has to be taken. */
  readonly remedy: string;
  /** The key that itself lacks something; it differs from the key in question if that depends on it. */
  readonly root: TokenKey;
}

/** The reason and the remedy where WeChat's pushes of verify tickets have stopped, or do not arrive. */
export const TICKETS_STOPPED: Pick<Waiting, 'reason' | 'remedy'> = {
  reason: 'no new component_verify_ticket has come for 30 minutes, and WeChat pushes one every 10 minutes',
  remedy:
    "Check that WeChat reaches the URL for authorization events that its console names. To have it push again, send WeChat's api_start_push_ticket the appid and secret of this platform (startPushTicket of wechat-token-manager/platform does so in an application), or run the release check in the console.",
};

export function ticketIsMissing(key: TokenKey, ticket: TokenKey): Waiting {
  return {
    waitingFor: 'push',
    reason: `no unexpired ${ticket.type} of ${ticket.appid} has been stored`,
    remedy: pushRemedy(key, ticket),
    root: ticket,
  };
}

export function ticketIsRefused(key: TokenKey, ticket: TokenKey): Waiting {
  return {
    waitingFor: 'push',
    reason: `WeChat has rejected the stored ${ticket.type} of ${ticket.appid}`,
    remedy: pushRemedy(key, ticket),
    root: ticket,
  };
}

function pushRemedy({ type }: TokenKey, ticket: TokenKey): string {
  const use = type === ticket.type ? '' : ` ${type} is fetched as soon as it arrives.`;
  const receiver = `${ticket.appid} is registered with the settings of its pushes, or another receiver stores each ticket with put`;
  return `Check that ${receiver}, and that WeChat's pushes arrive, one every ten minutes.${use}`;
}

/**
 * Describes a missing or unusable refresh token.
 *
 * @param name - the name of the refresh token in the params.
 */
export function refreshTokenIsMissing(
  key: TokenKey,
  name: string | undefined,
  kind: Exclude<Choice['kind'], 'send'>,
): Waiting {
  const named = name ?? 'refresh token';
  const reasons = {
    none: `no ${named} has been stored or registered`,
    refused: `WeChat has rejected the stored or registered ${named}`,
    expired: `the stored ${named} has expired`,
  };
  const who = name === 'authorizer_refresh_token' ? 'merchant' : 'user';
  const again = kind === 'none' ? '' : ' again';
  return {
    waitingFor: 'refresh_token',
    reason: reasons[kind],
    remedy: `Have the ${who} authorize${again}, and store the grant with put, or register the task with its ${named} in the params.`,
    root: key,
  };
}

/**
 * Describes a dependency without a usable token.
 *
 * @param root - the key that itself lacks something; by default the dependency.
 */
export function dependencyIsMissing(
  key: TokenKey,
  dependency: TokenKey,
  why: string,
  root: TokenKey = dependency,
): Waiting {
  return {
    waitingFor: 'dependency',
    // The advice on an answer of WeChat is a sentence, and texts put a full stop after a reason.
    reason: `${nameOf(dependency)} has no usable token: ${why.replace(/\.$/, '')}`,
    remedy: `Fix ${nameOf(root)} first: ${key.type} is fetched as soon as that token is available.`,
    root,
  };
}

export function paramsAreMissing(key: TokenKey, isUrl: boolean): Waiting {
  const source = isUrl ? 'URL' : 'function';
  return {
    waitingFor: 'params',
    reason: `the params ${source} has not provided what a refresh of ${key.type} requires`,
    remedy: `Check the params ${source} of the task: it is asked again automatically.`,
    root: key,
  };
}

export function noUrlsHere(key: TokenKey): Waiting {
  return {
    waitingFor: 'process',
    reason: 'the params of this task are a URL, and this process does not fetch params from URLs',
    remedy: 'Run a server on the same store: it fetches params from URLs.',
    root: key,
  };
}

export function functionIsMissing(key: TokenKey): Waiting {
  return {
    waitingFor: 'process',
    reason: 'the params function of this task is not registered in this process',
    remedy: 'Run a process that registers this task with its function, or register the task without one.',
    root: key,
  };
}

export function noRefresher(key: TokenKey): Waiting {
  return {
    waitingFor: 'process',
    reason: `this process has no refresher for ${key.type}`,
    remedy: `Run a process that has a refresher for ${key.type}, as the one that registered the task had.`,
    root: key,
  };
}

export function noOneRefreshes(key: TokenKey): Waiting {
  return {
    waitingFor: 'process',
    reason: "this process does not refresh (refresh: 'never'), and no other process has stored a usable token",
    remedy: 'Check that a process that refreshes runs on the same store.',
    root: key,
  };
}

export function appIsMissing(key: TokenKey): Waiting {
  return {
    waitingFor: 'process',
    reason: `the store has no registration of the app ${key.appid}`,
    remedy: `Register ${key.appid} with its secret: a process that has registered it since its start puts it back automatically.`,
    root: key,
  };
}

const CHECK_STORE = 'Check the disk, Redis or database: whether it is full, read-only or unavailable.';

export function storeTakesNoWrites(key: TokenKey): Waiting {
  return {
    waitingFor: 'store',
    reason: 'the store accepts no writes',
    remedy: CHECK_STORE,
    root: key,
  };
}

export function documentIsUnreadable(key: TokenKey, why: string): Waiting {
  return {
    waitingFor: 'store',
    reason: why,
    remedy: 'Run the release that wrote the document, or give the store the key that encrypted it.',
    root: key,
  };
}

const WAITING_BY_CODE: ReadonlyMap<string, WaitingFor> = new Map([
  ['STORE_UNAVAILABLE', 'store'],
  ['NOT_REGISTERED', 'process'],
  // A timeout means that obtaining a token that the key depends on took too long.
  ['TIMEOUT', 'dependency'],
]);

const REMEDY_BY_CODE: ReadonlyMap<string, string> = new Map([
  ['STORE_UNAVAILABLE', CHECK_STORE],
  ['TIMEOUT', 'It is retried automatically. If it persists, check the tokens that this one depends on.'],
]);

/**
 * Describes the missing input from the error of an attempt of this process, if the state of the key does not explain
 * it.
 */
export function attemptLacked(key: TokenKey, { code, message, ...error }: TokenError): Waiting {
  const { appid = key.appid, type = key.type, subject } = error;
  const root = tokenKey(appid, type, error.appid === undefined ? key.subject : subject);
  if (keyId(root) !== keyId(key)) return { ...dependencyIsMissing(key, root, message), root };
  const waitingFor = WAITING_BY_CODE.get(code) ?? 'params';
  return {
    waitingFor,
    reason: message,
    remedy: REMEDY_BY_CODE.get(code) ?? 'Register the app and the task with what the reason names.',
    root,
  };
}

function nameOf(key: TokenKey): string {
  const [appid, type, subject] = keyId(key).split('/');
  return subject === undefined ? `${type} of ${appid}` : `${type} of ${appid} for ${key.subject}`;
}
