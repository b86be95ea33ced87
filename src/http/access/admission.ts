import type { Scope } from './api-key.js';
import type { Refusal } from './refusal.js';

const WRONG_APP: Refusal = { status: 403, reason: 'app', message: 'this key may not be used for this app' };

/** Says what a request that was let in may do. */
export class Admission {
  readonly #scopes: readonly Scope[];
  /** The only apps that it may use; `undefined` for all. */
  readonly appids: ReadonlySet<string> | undefined;
  /** The id of the key that it was let in by. */
  readonly keyId: string | undefined;

  constructor(scopes: readonly Scope[], appids?: ReadonlySet<string> | undefined, keyId?: string) {
    this.#scopes = scopes;
    this.appids = appids;
    this.keyId = keyId;
  }

  /**
   * Returns why it may not use a scope on an app; `undefined` when it may. Without an appid, one that is for some apps only may
   * go on, and the route asks again for each app that it shows.
   */
  refusal(scope: Scope, appid: string | undefined): Refusal | undefined {
    if (!this.#scopes.includes(scope)) {
      return { status: 403, reason: 'scope', message: `the scope ${scope} is needed for this` };
    }
    return appid === undefined || (this.appids?.has(appid) ?? true) ? undefined : WRONG_APP;
  }
}
