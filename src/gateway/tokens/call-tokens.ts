/** The token that a call carries. */
export interface CallToken {
  readonly appid: string;
  readonly type: string;
  readonly subject?: string | undefined;
}

/** Provides the tokens of calls. */
export interface CallTokens {
  /** Returns the current token. */
  current(token: CallToken): Promise<string>;
  /** Reports a token as stale, and returns the current one: the same if it may not be replaced now. */
  replace(token: CallToken, stale: string): Promise<string>;
}
