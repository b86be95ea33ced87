import { mapMembers, readFields } from '../primitives/assert-options.js';
import type { JsonObject } from '../primitives/json.js';
import { isJsonObject } from '../primitives/json.js';
import { jsonCopy } from '../primitives/json-copy.js';
import { describeKind, describeWord } from '../primitives/redact.js';
import { assertNoStrayCharacter } from '../primitives/stray-characters.js';
import type { CallbackPort } from './callback-port.js';
import { assertParamSecrets } from './param-secrets.js';
import { type PushPlan, type PushRegistration, planPush } from './push/push-settings.js';
import type { AccessTokenMode } from './refresher.js';
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
  /**
   * The type of the token.
   *
   * @bounds a built-in type but `component_verify_ticket`, or one of `refreshers`
   */
  readonly type: Type;
  /**
   * The user or merchant that the token belongs to, if that is not the app itself.
   *
   * @bounds 1 to 128 printable ASCII characters without spaces
   */
  readonly subject?: string;
  /**
   * Extra input for the refresher, such as a refresh token.
   *
   * An object is stored. A function is not, so a process that restores the task leaves the work to one that registers the
   * function, which has 5 s to answer. A URL needs `createCallbacks` or `createHandler`; it is asked with GET for a
   * JSON object when the store lacks what is needed. An object that JSON would store as something else is refused, such as
   * one with a promise or a `Map`.
   *
   * @bounds an object of at most 65,536 characters of JSON, a function, or an http or https URL
   */
  readonly params?: JsonObject | ParamsFunction | string;
  /**
   * The URL that is notified of every new token with POST. It needs `createCallbacks` or `createHandler`.
   *
   * @bounds an http or https URL
   */
  readonly notify?: string;
}

/**
 * An app and its tasks.
 *
 * @public
 */
export interface Registration<Type extends string = string> {
  /**
   * The id of the app.
   *
   * @bounds 1 to 64 characters of `A-Z a-z 0-9 _ . @ -`
   */
  readonly appid: string;
  /**
   * The secret of the app.
   *
   * It may not begin or end with white space, control or invisible characters, nor stand in quotation marks, all of which
   * come with a copied secret. Inside, printable characters and white space are allowed, such as the line feeds of a key in
   * PEM.
   *
   * @defaultValue the stored one
   * @bounds 1 to 4,096 characters
   */
  readonly secret?: string;
  /**
   * The endpoint that access tokens come from. It is stored with the app.
   *
   * @defaultValue the stored one, else `wechat.accessToken` of the manager
   * @bounds `'stable'` or `'plain'`
   */
  readonly accessToken?: AccessTokenMode;
  /**
   * The settings of WeChat's pushes to the app. They are stored with the app; `null` removes them.
   *
   * @defaultValue the stored ones
   */
  readonly push?: PushRegistration | null;
  /**
   * The tokens to keep fresh: types, or objects where a task needs more. Tasks that are not named stay as they are.
   *
   * @defaultValue `[]`
   * @bounds types, or objects as below
   */
  readonly tasks?: readonly (Type | TaskRegistration<Type>)[];
}

/** A checked registration. */
export interface RegistrationPlan {
  readonly appid: string;
  readonly secret: string | undefined;
  readonly accessToken: AccessTokenMode | undefined;
  /** The settings of pushes; `null` to remove the stored ones. */
  readonly push: PushPlan | null | undefined;
  readonly tasks: readonly TaskPlan[];
}

export interface TaskPlan {
  readonly key: TokenKey;
  readonly params: TaskParams | undefined;
  readonly notify: string | undefined;
}

/** The params of a task: an object, a function, or a URL. */
export type TaskParams = JsonObject | ParamsFunction | string;

/** Returns whether the params have to be requested from a function or a URL. */
export function isDynamicParams(params: TaskParams | undefined): params is ParamsFunction | string {
  return typeof params === 'function' || typeof params === 'string';
}

const MAX_SECRET_LENGTH = 4_096;
const PLATFORM_TYPES: ReadonlySet<string> = new Set(['component_access_token', 'authorizer_access_token']);
const PARAMS_BOUNDS = { maxLength: 65_536, maxDepth: 64 };

type RegistrationFields = Record<'appid' | 'secret' | 'accessToken' | 'push' | 'tasks', unknown>;
type TaskFields = Record<'type' | 'subject' | 'params' | 'notify', unknown>;

/**
 * Checks a registration and returns a copy of it. Each field is read once.
 *
 * @throws TypeError that names the field, for a value that is not a registration.
 */
export function planRegistration(
  input: unknown,
  assertType: (type: unknown) => void,
  callbacks?: CallbackPort,
): RegistrationPlan {
  if (!isJsonObject(input)) throw new TypeError(`register takes an object with an appid, got ${describeKind(input)}`);
  const names = ['appid', 'secret', 'accessToken', 'push', 'tasks'] as const;
  const fields = readFields<RegistrationFields>(input, names, 'a registration');
  const { appid, accessToken, tasks = [] } = fields;
  assertAppid(appid);
  const secret = checkedSecret(fields);
  if (accessToken !== undefined && accessToken !== 'stable' && accessToken !== 'plain') {
    throw new TypeError(`accessToken must be 'stable' or 'plain', got ${describeWord(accessToken)}`);
  }
  const push = fields.push === undefined ? undefined : planPush(fields.push);
  const planned = mapMembers(tasks, 'tasks', (task) => planTask(appid, task, assertType, callbacks));
  if (push?.mode === 'plain') assertNoPlatform(planned);
  return { appid, secret, accessToken, push, tasks: planned };
}

/**
 * Rejects tasks of a third-party platform, to which WeChat always pushes encrypted.
 *
 * @param required - what a platform needs instead, for the message.
 * @throws TypeError.
 */
export function assertNoPlatform(
  tasks: readonly TaskPlan[],
  required = "push.mode must be 'encrypted' for a third-party platform",
): void {
  const task = tasks.find(({ key }) => PLATFORM_TYPES.has(key.type));
  if (task === undefined) return;
  throw new TypeError(`${required}, to which a task of type ${task.key.type} belongs`);
}

/**
 * Checks the secret. A field that is present but `undefined` is rejected, because it usually comes from an environment
 * variable that is not set.
 */
function checkedSecret(fields: Partial<RegistrationFields>): string | undefined {
  if (!('secret' in fields)) return undefined;
  const { secret } = fields;
  if (typeof secret !== 'string' || secret === '' || secret.length > MAX_SECRET_LENGTH) {
    const got = typeof secret === 'string' && secret !== '' ? `${secret.length} characters` : describeKind(secret);
    throw new TypeError(`secret must be a string of 1 to ${MAX_SECRET_LENGTH} characters if given, got ${got}`);
  }
  assertNoStrayCharacter('secret', secret);
  return secret;
}

function planTask(
  appid: string,
  task: unknown,
  assertType: (type: unknown) => void,
  callbacks: CallbackPort | undefined,
): TaskPlan {
  const names = ['type', 'subject', 'params', 'notify'] as const;
  const isObject = isJsonObject(task);
  const fields: Partial<TaskFields> = isObject ? readFields<TaskFields>(task, names, 'a task') : { type: task };
  const { type, subject, params, notify } = fields;
  assertType(type);
  assertSubject(subject);
  return {
    key: tokenKey(appid, type as string, subject),
    params: typeof params === 'string' ? checkedUrl('params', params, callbacks) : checkedParams(params),
    notify: notify === undefined ? undefined : checkedUrl('notify', notify, callbacks),
  };
}

function checkedUrl(name: string, url: unknown, callbacks: CallbackPort | undefined): string {
  if (typeof url !== 'string') {
    const hint = isJsonObject(url) ? '; a URL is given as a string' : '';
    throw new TypeError(`${name} must be a URL, got ${describeKind(url)}${hint}`);
  }
  if (callbacks === undefined) {
    throw new TypeError(`${name} can be a URL only if callbacks are attached to this manager: see createCallbacks`);
  }
  assertNoStrayCharacter(name, url);
  callbacks.assertUrl(name, url);
  return url;
}

function checkedParams(params: unknown): JsonObject | ParamsFunction | undefined {
  if (params === undefined || typeof params === 'function') return params as ParamsFunction | undefined;
  if (!isJsonObject(params)) {
    throw new TypeError(`params must be an object, a function or a URL, got ${describeKind(params)}`);
  }
  const copy = jsonCopy('params', params, PARAMS_BOUNDS);
  assertParamSecrets('params', copy);
  return copy;
}
