import type { JsonObject } from '../primitives/json.js';
import type { Lease } from './store.js';
import type { TokenKey } from './token-key.js';

/** The port for URL params and `notify`, which is implemented in `callbacks` and attached to an engine. */
export interface CallbackPort {
  /** The numbering of token types in the calls to URLs. */
  readonly typeNumbers: 'standard' | 'legacy';
  /**
   * Rejects a URL that may not be called.
   *
   * @param name - the name of the URL in messages.
   * @throws TypeError that says why the URL may not be called.
   */
  assertUrl(name: string, url: string): void;
  /**
   * Requests the params of a key from their URL.
   *
   * @param signal - ends the request, and the wait before it begins.
   * @throws a `TokenError` if the answer is not a JSON object.
   */
  askParams(url: string, key: TokenKey, signal: AbortSignal): Promise<JsonObject>;
  /** Starts the deliveries, once the engine has read the store. */
  start(): void;
  /** Handles a task that was registered, registered again, or read from the store. */
  taskChanged(key: TokenKey): void;
  taskRemoved(key: TokenKey): void;
  /**
   * Makes the delivery of this key, which was claimed from the fleet's schedule, if it is pending, and releases the
   * lease. It never rejects.
   */
  deliver(key: TokenKey, lease: Lease): Promise<void>;
  /** Stops all further requests, and waits for those in progress. */
  stop(): Promise<void>;
}
