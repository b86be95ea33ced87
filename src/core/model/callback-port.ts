import type { JsonObject } from '../primitives/json.js';
import type { Lease } from './store.js';
import type { TokenKey } from './token-key.js';

/** The port that URL params and `notify` need: implemented in `callbacks`, attached to an engine. */
export interface CallbackPort {
  /** The numbering of types that the URLs use. */
  readonly typeNumbers: 'standard' | 'legacy';
  /**
   * @param name - the name of the URL, for the message.
   * @throws TypeError for a URL that may not be called.
   */
  assertUrl(name: string, url: string): void;
  /**
   * Returns the answer of a params URL.
   *
   * @param signal - ends the question, and the wait for its turn.
   * @throws a `TokenError` when that is no JSON object.
   */
  askParams(url: string, key: TokenKey, signal: AbortSignal): Promise<JsonObject>;
  /** Is called when the engine has read what the store remembers. */
  start(): void;
  /** Is called when a task was registered, registered anew, or read from the store. */
  taskChanged(key: TokenKey): void;
  taskRemoved(key: TokenKey): void;
  /** Makes the delivery of this key, handed out by the fleet's schedule, if it is owed, and releases the lease. Never rejects. */
  deliver(key: TokenKey, lease: Lease): Promise<void>;
  /** Begins nothing any more, and waits for what is under way. */
  stop(): Promise<void>;
}
