import type { Clock } from '../../core/concurrency/clock.js';
import type { PlatformApi } from '../authorizations/platform-api.js';
import type { AuthorizerRestorer } from '../authorizers/authorizer-restorer.js';

export interface LostAuthorizationsParts {
  readonly api: Pick<PlatformApi, 'authorizerPages'>;
  readonly clock: Pick<Clock, 'now'>;
  restorerOf(component: string): Pick<AuthorizerRestorer, 'restore'>;
}

/** The time in which an authorization is, whose code was lost: a code is good for an hour, and clocks differ. */
const RECENT_MS = 2 * 3_600_000;
/** The bound of the work for one code. A platform with more accounts is restored by its recovery. */
const MAX_PAGES = 40;

/** Restores the accounts that have authorized a platform a short time ago, and of which the store knows nothing. */
export class LostAuthorizations {
  readonly #parts: LostAuthorizationsParts;

  constructor(parts: LostAuthorizationsParts) {
    this.#parts = parts;
  }

  async restore(component: string): Promise<void> {
    const { api, clock, restorerOf } = this.#parts;
    const restorer = restorerOf(component);
    const since = clock.now() - RECENT_MS;
    let pages = 0;
    for await (const { authorizers } of api.authorizerPages(component)) {
      await restorer.restore(authorizers.filter(({ authorizedAt }) => authorizedAt >= since));
      pages += 1;
      if (pages === MAX_PAGES) return;
    }
  }
}
