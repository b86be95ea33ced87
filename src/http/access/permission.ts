import type { Failure } from '../messages/error-status.js';
import type { Scope } from './api-key.js';

/** The permissions of a caller. */
export interface Permission {
  /** The only apps that it may use; `undefined` for all. */
  readonly appids: ReadonlySet<string> | undefined;
  /** The id of the key that it was let in by; `undefined` without one. */
  readonly keyId: string | undefined;
  /** Returns why it may not use a scope on an app; `undefined` when it may. */
  refusal(scope: Scope, appid: string | undefined): Failure | undefined;
}
