import type { AccessTokenMode, AppCredentials } from '../model/refresher.js';
import { keyId, type TokenKey } from '../model/token-key.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import type { Records } from '../records/records.js';
import type { RetryStates } from '../records/retry-states.js';
import { credentialsOf } from '../registry/registration-document.js';
import type { Registry } from '../registry/registry.js';
import type { FailureBudget } from '../store/failure-budget.js';

export interface FirstAttemptsParts {
  readonly registry: Pick<Registry, 'app'>;
  readonly records: Pick<Records, 'cache' | 'leftMs'>;
  readonly failures: RetryStates;
  readonly budget: FailureBudget;
  readonly accessToken: AccessTokenMode;
}

const MAX_KEYS = 10_000;

/** Returns whether failed requests of the key use up a quota of the app: those for a plain access token do. */
export function isBudgeted({ type }: TokenKey, { accessToken }: Pick<AppCredentials, 'accessToken'>): boolean {
  return type === 'access_token' && accessToken === 'plain';
}

/**
 * Holds up the first attempt of a process while the failures before it leave no request for it. What fails on one host alone is
 * remembered by its process alone, so that a process which begins again and again would ask each time.
 */
export class FirstAttempts {
  readonly #parts: FirstAttemptsParts;
  /** The ids of the keys that were looked at. */
  readonly #looked = boundedCache<string, true>(MAX_KEYS);

  constructor(parts: FirstAttemptsParts) {
    this.#parts = parts;
  }

  /** Looks once for each key whether its app may make a request. A store that does not answer holds up nothing. */
  async check(key: TokenKey): Promise<void> {
    const { registry, records, failures, budget, accessToken } = this.#parts;
    const app = registry.app(key.appid);
    if (app === undefined || !isBudgeted(key, credentialsOf(app, accessToken))) return;
    if (this.#looked.get(keyId(key)) === true) return;
    const held = records.cache.get(key);
    try {
      const failed = await budget.lastFailure(key.appid, held === undefined ? 0 : records.leftMs(held));
      if (failed !== undefined) failures.defer(key, failed);
      this.#looked.set(keyId(key), true);
    } catch {
      // The lease is taken from the same store, which says what is wrong, or that a fetch is possible without it.
    }
  }
}
