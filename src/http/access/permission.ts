import type { Failure } from '../messages/error-status.js';
import type { Scope } from './api-key.js';

/** The permissions of a caller. */
export interface Permission {
  /** The appids that the caller may use; `undefined` for all. */
  readonly appids: ReadonlySet<string> | undefined;
  /** The id of the caller's key; `undefined` without one. */
  readonly keyId: string | undefined;
  /** The paths of WeChat's API that the caller may call; absent for all. */
  readonly paths?: readonly string[] | undefined;
  /** Returns the refusal for a scope and an app; `undefined` if the caller is permitted. */
  refusal(scope: Scope, appid: string | undefined): Failure | undefined;
}
