import type { JsonObject } from '../primitives/json.js';
import type { Lease } from './store.js';
import type { TokenKey } from './token-key.js';

/** What URL params and `notify` need: implemented in `callbacks`, attached to an engine. */
export interface CallbackPort {
  /** How the URLs number types. */
  readonly typeNumbers: 'standard' | 'legacy';
  /**
   * @param name - what the URL is, for the message.
   * @throws TypeError for a URL that may not be called.
   */
  assertUrl(name: string, url: string): void;
  /**
   * What a params URL answers.
   *
   * @param signal - ends the question, and the wait for its turn.
   * @throws a `TokenError` when that is no JSON object.
   */
  askParams(url: string, key: TokenKey, signal: AbortSignal): Promise<JsonObject>;
  /** The engine has read what the store remembers. */
  start(): void;
  /** A task was registered, registered anew, or read from the store. */
  taskChanged(key: TokenKey): void;
  taskRemoved(key: TokenKey): void;
  /** The schedule of the fleet has handed out the delivery of this key: makes it if it is owed, and gives the lease back. It never rejects. */
  deliver(key: TokenKey, lease: Lease): Promise<void>;
  /** Begins nothing any more, and waits for what is under way. */
  stop(): Promise<void>;
}
