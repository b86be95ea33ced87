import type { Scope } from './api-key.js';
import type { Refusal } from './refusal.js';

const WRONG_APP: Refusal = { status: 403, reason: 'app', message: 'this API key may not be used for this app' };

/** Holds the permissions of a request that was let in. */
export class Admission {
  readonly #scopes: readonly Scope[];
  /** The appids that the request may use; `undefined` for all. */
  readonly appids: ReadonlySet<string> | undefined;
  /** The id of the key of the request, if it has one. */
  readonly keyId: string | undefined;
  /** The paths of WeChat's API that the request may call; `undefined` for all. */
  readonly paths: readonly string[] | undefined;

  constructor(
    scopes: readonly Scope[],
    appids?: ReadonlySet<string> | undefined,
    keyId?: string,
    paths?: readonly string[],
  ) {
    this.#scopes = scopes;
    this.appids = appids;
    this.keyId = keyId;
    this.paths = paths;
  }

  /**
   * Returns the refusal for a scope and an app; `undefined` if the request is permitted. Without an appid, a request that
   * is limited to some apps is permitted, and the route checks each app that it shows.
   */
  refusal(scope: Scope, appid: string | undefined): Refusal | undefined {
    if (!this.#scopes.includes(scope)) {
      return { status: 403, reason: 'scope', message: `an API key with scope ${scope} is required` };
    }
    return appid === undefined || (this.appids?.has(appid) ?? true) ? undefined : WRONG_APP;
  }
}
