import { canonicalJson } from './checksum.js';
import type { Trying } from './key-document.js';
import type { RegisteredApp } from './registration-document.js';
import type { Registry } from './registry.js';
import { secretHash } from './secret-hash.js';
import type { TokenKey } from './token-key.js';

/**
 * Distinguishes the inputs of attempts. It is taken before the request: what is registered or pushed meanwhile has not
 * failed yet.
 */
export interface Fingerprint {
  /** The versions of what is registered and pushed: all that releases before this one compare. */
  readonly registration: string;
  /** A hash of what matters to WeChat: a change of `notify`, or a document that was written anew, is the same input. */
  readonly input: string;
}

/** A pushed token that a key needs, as far as one is held. */
export interface PushedInput {
  readonly version: number;
  readonly value: string | undefined;
}

const LENGTH = 16;

/** Returns the fingerprint of the input that an attempt for `key` would be made with now. */
export function fingerprintOf(
  key: TokenKey,
  registry: Pick<Registry, 'app' | 'task' | 'fingerprint'>,
  pushed: readonly PushedInput[],
): Fingerprint {
  const app = appOf(key, registry);
  const task = registry.task(key);
  const isFunction = typeof task?.params === 'function' || task?.functionMissing === true;
  const params = isFunction ? true : (task?.params ?? null);
  const values = pushed.map(({ value }) => value ?? null);
  const input = canonicalJson([app?.secret ?? null, app?.accessToken ?? null, params as never, values]);
  return {
    registration: [registry.fingerprint(key), ...pushed.map(({ version }) => version)].join(':'),
    input: secretHash(input).slice(0, LENGTH),
  };
}

/** Returns whether an attempt that was recorded was made with this input. */
export function isMadeWith(trying: Pick<Trying, 'registration' | 'input'>, fingerprint: Fingerprint): boolean {
  return trying.input === undefined
    ? trying.registration === fingerprint.registration
    : trying.input === fingerprint.input;
}

/** Returns the app. One whose document cannot be read counts as absent here; callers of its tokens get the reason. */
function appOf({ appid }: TokenKey, registry: Pick<Registry, 'app'>): RegisteredApp | undefined {
  try {
    return registry.app(appid);
  } catch {
    return undefined;
  }
}
