import type { JsonObject } from '../primitives/json.js';
import { INSPECT, redact } from '../primitives/redact.js';
import type { TokenKey } from './token-key.js';

/** The function that reads WeChat's answer for a record from the store. */
export type ReadResult = (key: TokenKey, version: number) => Promise<JsonObject | undefined>;

export interface TokenRecordFields {
  readonly value: string;
  readonly obtainedAt: number;
  readonly expiresAt: number;
  readonly dueAt: number;
  readonly version: number;
}

/**
 * Holds one token as the manager stores it. Printing it, with `console.log` or as JSON, shows its times and no secret.
 *
 * All instants are epoch milliseconds on the store's clock.
 *
 * @public
 */
export class TokenRecord {
  /** The instant at which the token was asked for. */
  readonly obtainedAt: number;
  /** The instant at which it ends. */
  readonly expiresAt: number;
  /** The instant at which it is refreshed next. */
  readonly dueAt: number;
  /** Grows with every new token of its key. */
  readonly version: number;
  readonly #value: string;
  readonly #key: TokenKey;
  readonly #readResult: ReadResult;

  /** @internal */
  constructor(key: TokenKey, fields: TokenRecordFields, readResult: ReadResult) {
    this.obtainedAt = fields.obtainedAt;
    this.expiresAt = fields.expiresAt;
    this.dueAt = fields.dueAt;
    this.version = fields.version;
    this.#value = fields.value;
    this.#key = key;
    this.#readResult = readResult;
    Object.freeze(this);
  }

  /** Returns the token itself. */
  get value(): string {
    return this.#value;
  }

  /**
   * Returns WeChat's answer, read from the store. Its `expires_in` is what is left, in whole seconds, when this is called.
   *
   * @returns `undefined` when there is none, when a newer record has replaced this one in the store, or when the store has lost
   *   the answer: a process that puts a token back does not hold it.
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  result(): Promise<JsonObject | undefined> {
    return this.#readResult(this.#key, this.version);
  }

  /** Returns the record without its secret. */
  toJSON(): Record<string, unknown> {
    const { obtainedAt, expiresAt, dueAt, version } = this;
    return { value: redact(this.#value), obtainedAt, expiresAt, dueAt, version };
  }

  /** @internal */
  [INSPECT](): Record<string, unknown> {
    return this.toJSON();
  }
}
