import type { TaskParams } from '../model/registration.js';
import type { TokenKey } from '../model/token-key.js';
import { isJsonObject } from '../primitives/json.js';
import { Fingerprint, inputHash } from '../records/fingerprint.js';
import type { RegisteredApp } from './registration-document.js';
import type { Registry } from './registry.js';

/** A pushed token that a key needs, as far as one is held. */
export interface PushedInput {
  readonly version: number;
  readonly value: string | undefined;
}

/** Returns the fingerprint of the input that an attempt for `key` would be made with now. */
export function fingerprintOf(
  key: TokenKey,
  registry: Pick<Registry, 'app' | 'task' | 'fingerprint'>,
  pushed: readonly PushedInput[],
): Fingerprint {
  const app = appOf(key, registry);
  const task = registry.task(key);
  const params = typeof task?.params === 'function' || task?.functionMissing === true ? true : (task?.params ?? null);
  const registration = [registry.fingerprint(key), ...pushed.map(({ version }) => version)].join(':');
  const values = pushed.map(({ value }) => value ?? null);
  return new Fingerprint(registration, [app?.secret ?? null, app?.accessToken ?? null, params, ...values]);
}

/** Returns a hash of the params of a task; `undefined` where they have to be asked for, or there are none. */
export function paramsHashOf(params: TaskParams | undefined): string | undefined {
  return isJsonObject(params) ? inputHash(params) : undefined;
}

/** Returns the app. One whose document cannot be read counts as absent here; callers of its tokens get the reason. */
function appOf({ appid }: TokenKey, registry: Pick<Registry, 'app'>): RegisteredApp | undefined {
  try {
    return registry.app(appid);
  } catch {
    return undefined;
  }
}
