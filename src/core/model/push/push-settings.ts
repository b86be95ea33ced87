import { readFields } from '../../primitives/assert-options.js';
import { isArray } from '../../primitives/foreign-objects.js';
import type { JsonObject } from '../../primitives/json.js';
import { describeWord } from '../../primitives/redact.js';
import { checkedMessageKeys, checkedPushToken } from './push-secrets.js';

/**
 * The form in which WeChat pushes to an app: encrypted, or in clear. WeChat's compatible mode counts as `'encrypted'`.
 *
 * @public
 */
export type PushMode = 'encrypted' | 'plain';

/**
 * The settings with which WeChat signs and encrypts what it pushes to an app, as they are entered in WeChat's console.
 *
 * @public
 */
export interface PushRegistration {
  /**
   * The token that signs pushes.
   *
   * @bounds 1 to 64 characters of printable ASCII without spaces
   */
  readonly token: string;
  /**
   * The key that encrypts pushes, or several of them, the newest first, while WeChat changes from one to the next. `null`
   * removes the stored ones.
   *
   * @defaultValue the stored ones
   * @bounds 43 characters of `A-Z a-z 0-9 + /`, at most 4 different ones
   */
  readonly encodingAesKey?: string | readonly string[] | null;
  /**
   * The form of the pushes. Those of a third-party platform are always encrypted.
   *
   * @defaultValue `'encrypted'` with a key, else `'plain'`
   * @bounds `'encrypted'` or `'plain'`
   */
  readonly mode?: PushMode;
}

/** The checked settings of a registration, in which absent fields keep what is stored. */
export interface PushPlan {
  readonly token: string;
  readonly keys: readonly string[] | undefined;
  readonly mode: PushMode | undefined;
}

/** The settings of a registered app. */
export interface PushSettings {
  readonly token: string;
  /** The keys, the newest first. */
  readonly keys: readonly string[];
  readonly mode: PushMode;
}

/**
 * Checks the settings of a registration and returns a copy of them; `null` removes the stored ones.
 *
 * @throws TypeError that names the field, and shows nothing of the token and the keys.
 */
export function planPush(push: unknown): PushPlan | null {
  if (push === null) return null;
  const names = ['token', 'encodingAesKey', 'mode'] as const;
  const { token, encodingAesKey, mode } = readFields<Record<(typeof names)[number], unknown>>(push, names, 'push');
  if (mode !== undefined && mode !== 'encrypted' && mode !== 'plain') {
    throw new TypeError(`push.mode must be 'encrypted' or 'plain', got ${describeWord(mode)}`);
  }
  return { token: checkedPushToken(token, 'push.token'), keys: checkedKeys(encodingAesKey), mode };
}

/**
 * Returns the settings after a registration.
 *
 * @throws TypeError if pushes would be encrypted without a key.
 */
export function mergedPush({ token, keys, mode }: PushPlan, before: PushSettings | undefined): PushSettings {
  const merged = keys ?? before?.keys ?? [];
  const byDefault = merged.length > 0 ? 'encrypted' : 'plain';
  if (mode === 'encrypted' && merged.length === 0) {
    throw new TypeError("push.encodingAesKey is required if push.mode is 'encrypted'");
  }
  return { token, keys: merged, mode: mode ?? byDefault };
}

/** Reads the settings from the content of an app's document; returns `undefined` if there are none. */
export function pushFrom({ push }: JsonObject): PushSettings | undefined {
  if (typeof push !== 'object' || push === null) return undefined;
  const { token, keys, mode } = push as JsonObject;
  if (typeof token !== 'string' || (mode !== 'encrypted' && mode !== 'plain')) return undefined;
  return { token, keys: isArray(keys) ? keys.filter((key) => typeof key === 'string') : [], mode };
}

/** Returns what {@link pushFrom} reads, as a part of the content of an app's document. */
export function pushContent(push: PushSettings | undefined): JsonObject {
  return push === undefined ? {} : { push: { token: push.token, keys: [...push.keys], mode: push.mode } };
}

function checkedKeys(given: unknown): readonly string[] | undefined {
  if (given === undefined) return undefined;
  return given === null ? [] : checkedMessageKeys(given, 'push.encodingAesKey');
}
