import { assertNames } from './assert-options.js';
import type { CallbackPort } from './callback-port.js';
import type { JsonObject } from './json.js';
import { isJsonObject, jsonOf } from './json.js';
import { describeKind, describeWord } from './redact.js';
import type { AccessTokenMode } from './refresher.js';
import { assertNoStrayCharacter } from './stray-characters.js';
import { assertAppid, assertSubject, type TokenKey, tokenKey } from './token-key.js';

/**
 * Gives a refresh the input that the application holds. It is asked before each refresh and has 5 s to answer.
 *
 * @public
 */
export type ParamsFunction = (key: TokenKey) => JsonObject | Promise<JsonObject>;

/**
 * A task of a registration.
 *
 * @public
 */
export interface TaskRegistration<Type extends string = string> {
  readonly type: Type;
  /** Whom the token speaks for, when that is not the app itself: 1 to 128 printable ASCII characters. */
  readonly subject?: string;
  /**
   * Extra input for the refresher. An object is stored; a function is not, so a process that restores the task leaves
   * the work to one that registers the function. A URL, where callbacks are attached, is asked with GET for a JSON object
   * when the store lacks what is needed.
   */
  readonly params?: JsonObject | ParamsFunction | string;
  /** A URL that is told of every new token with POST, where callbacks are attached. */
  readonly notify?: string;
}

/**
 * An app and its tasks.
 *
 * @public
 */
export interface Registration<Type extends string = string> {
  /** 1 to 64 characters of `A-Z a-z 0-9 _ . @ -`. */
  readonly appid: string;
  /** The app's secret. Absent: the stored one is kept. */
  readonly secret?: string;
  /** Which endpoint access tokens come from. Absent: what is stored, else the manager's default. */
  readonly accessToken?: AccessTokenMode;
  /** What to keep fresh: types, or objects where a task needs more. Tasks that are not named stay as they are. */
  readonly tasks?: readonly (Type | TaskRegistration<Type>)[];
}

/** A registration that has been checked. */
export interface RegistrationPlan {
  readonly appid: string;
  readonly secret: string | undefined;
  readonly accessToken: AccessTokenMode | undefined;
  readonly tasks: readonly TaskPlan[];
}

export interface TaskPlan {
  readonly key: TokenKey;
  readonly params: TaskParams | undefined;
  readonly notify: string | undefined;
}

/** An object, a function, or a URL. */
export type TaskParams = JsonObject | ParamsFunction | string;

/** Whether somebody has to be asked for them. */
export function haveToBeAskedFor(params: TaskParams | undefined): params is ParamsFunction | string {
  return typeof params === 'function' || typeof params === 'string';
}

const MAX_SECRET_LENGTH = 4_096;
const MAX_PARAMS_DEPTH = 64;
const MAX_PARAMS_LENGTH = 65_536;

/**
 * @throws TypeError for anything that is not a registration, naming the field.
 */
export function planRegistration(
  input: unknown,
  assertType: (type: unknown) => void,
  callbacks?: CallbackPort,
): RegistrationPlan {
  if (!isRecord(input)) throw new TypeError(`register takes an object with an appid, got ${describeKind(input)}`);
  assertNames(input, ['appid', 'secret', 'accessToken', 'tasks'], 'a registration');
  const { appid, accessToken, tasks = [] } = input;
  assertAppid(appid);
  assertSecret(input);
  if (accessToken !== undefined && accessToken !== 'stable' && accessToken !== 'plain') {
    throw new TypeError(`accessToken must be 'stable' or 'plain', got ${describeWord(accessToken)}`);
  }
  if (!Array.isArray(tasks)) throw new TypeError(`tasks must be an array, got ${describeKind(tasks)}`);
  // `map` passes over holes, so that a task would be missing without a word.
  if (Object.keys(tasks).length < tasks.length) throw new TypeError('tasks must be an array without holes');
  return {
    appid,
    secret: input['secret'] as string | undefined,
    accessToken,
    tasks: tasks.map((task) => planTask(appid, task, assertType, callbacks)),
  };
}

function assertSecret(input: Record<string, unknown>): void {
  if (!('secret' in input)) return;
  const secret = input['secret'];
  if (typeof secret !== 'string' || secret === '' || secret.length > MAX_SECRET_LENGTH) {
    const got = typeof secret === 'string' && secret !== '' ? `${secret.length} characters` : describeKind(secret);
    throw new TypeError(
      `secret must be a string of 1 to ${MAX_SECRET_LENGTH} characters where it is given, got ${got}`,
    );
  }
  assertNoStrayCharacter('secret', secret);
}

function planTask(
  appid: string,
  task: unknown,
  assertType: (type: unknown) => void,
  callbacks: CallbackPort | undefined,
): TaskPlan {
  const { type, subject, params, notify } = isRecord(task) ? task : ({ type: task } as Record<string, unknown>);
  if (isRecord(task)) assertNames(task, ['type', 'subject', 'params', 'notify'], 'a task');
  assertType(type);
  assertSubject(subject);
  return {
    key: tokenKey(appid, type as string, subject),
    params: typeof params === 'string' ? checkedUrl('params', params, callbacks) : checkedParams(params),
    notify: notify === undefined ? undefined : checkedUrl('notify', notify, callbacks),
  };
}

function checkedUrl(name: string, url: unknown, callbacks: CallbackPort | undefined): string {
  if (typeof url !== 'string') throw new TypeError(`${name} must be a URL, got ${describeKind(url)}`);
  if (callbacks === undefined) {
    throw new TypeError(`${name} can be a URL where callbacks are attached to this manager: see createCallbacks`);
  }
  callbacks.assertUrl(name, url);
  return url;
}

function checkedParams(params: unknown): JsonObject | ParamsFunction | undefined {
  if (params === undefined || typeof params === 'function') return params as ParamsFunction | undefined;
  if (!isRecord(params)) {
    throw new TypeError(`params must be an object, a function or a URL, got ${describeKind(params)}`);
  }
  if (isEmptyInstance(params)) {
    throw new TypeError(
      'params must be an object with fields of its own, got an instance of a class without any, such as a promise or a Map',
    );
  }
  const text = jsonOf(params);
  if (text === undefined) throw new TypeError('params must be JSON');
  if (!text.startsWith('{')) throw new TypeError('params must be an object in JSON too');
  if (text.length > MAX_PARAMS_LENGTH) {
    throw new TypeError(`params must be at most ${MAX_PARAMS_LENGTH} characters of JSON, got ${text.length}`);
  }
  const parsed = JSON.parse(text) as JsonObject;
  if (!isAtMostDeep(parsed, MAX_PARAMS_DEPTH)) {
    throw new TypeError(`params must be at most ${MAX_PARAMS_DEPTH} objects and arrays deep`);
  }
  return parsed;
}

function isAtMostDeep(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((member) => isAtMostDeep(member, depth - 1));
}

/** Tells a promise, a `Map` and their like, which become `{}` in JSON, from an object with content, of any realm. */
function isEmptyInstance(value: Record<string, unknown>): boolean {
  if (Object.keys(value).length > 0) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== null && Object.getPrototypeOf(prototype) !== null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return isJsonObject(value);
}
