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
  readonly retryStates: RetryStates;
  readonly budget: FailureBudget;
  readonly accessToken: AccessTokenMode;
}

const MAX_KEYS = 10_000;

/** Returns whether failed requests of the key use up a quota of the app, as those for a plain access token do. */
export function isBudgeted({ type }: TokenKey, { accessToken }: Pick<AppCredentials, 'accessToken'>): boolean {
  return type === 'access_token' && accessToken === 'plain';
}

/**
 * Delays the first attempt of a process if earlier failures have used up the budget of requests. A failure of one host
 * alone is remembered only in its process, so a process that restarts again and again would otherwise make a request
 * each time.
 */
export class FirstAttempts {
  readonly #parts: FirstAttemptsParts;
  /** The ids of the keys that have been checked. */
  readonly #looked = boundedCache<string, true>(MAX_KEYS);

  constructor(parts: FirstAttemptsParts) {
    this.#parts = parts;
  }

  /** Checks once for each key whether its app may make a request. A failing store delays nothing. */
  async check(key: TokenKey): Promise<void> {
    const { registry, records, retryStates, budget, accessToken } = this.#parts;
    const app = registry.app(key.appid);
    if (app === undefined || !isBudgeted(key, credentialsOf(app, accessToken))) return;
    if (this.#looked.get(keyId(key)) === true) return;
    const held = records.cache.get(key);
    try {
      const failed = await budget.lastFailure(key.appid, held === undefined ? 0 : records.leftMs(held));
      if (failed !== undefined) retryStates.defer(key, failed);
      this.#looked.set(keyId(key), true);
    } catch {
      // The lease is acquired from the same store. That either reports the failure or finds that the fetch can do
      // without the store.
    }
  }
}
