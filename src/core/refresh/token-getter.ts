import type { TokenKey } from '../model/token-key.js';

/** The way in which a refresh gets the tokens that it depends on: by flights of their own. */
export interface TokenGetter {
  /** Returns a token as an ordinary `get` does. */
  get(key: TokenKey): Promise<string>;
  /** Replaces a token that was found stale. */
  replaceStale(key: TokenKey, value: string): Promise<unknown>;
}
