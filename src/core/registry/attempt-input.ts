import type { TaskParams } from '../model/registration.js';
import type { TokenKey } from '../model/token-key.js';
import { isJsonObject } from '../primitives/json.js';
import { Fingerprint, inputHash } from '../records/fingerprint.js';
import type { RegisteredApp } from './registration-document.js';
import type { Registry } from './registry.js';

/** A pushed token that a key needs, if one is cached. */
export interface PushedInput {
  readonly version: number;
  readonly value: string | undefined;
}

/** Returns the fingerprint of the input that an attempt for `key` would use now. */
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

/** Returns a hash of the params of a task; `undefined` if they have to be requested, or there are none. */
export function paramsHashOf(params: TaskParams | undefined): string | undefined {
  return isJsonObject(params) ? inputHash(params) : undefined;
}

/** Returns the app; `undefined` if its document is unreadable, which is reported to callers of its tokens. */
function appOf({ appid }: TokenKey, registry: Pick<Registry, 'app'>): RegisteredApp | undefined {
  try {
    return registry.app(appid);
  } catch {
    return undefined;
  }
}
