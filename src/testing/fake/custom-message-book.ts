import type { Clock } from '../../core/concurrency/clock.js';
import type { JsonObject } from '../../core/primitives/json.js';

/**
 * A customer service message that a {@link FakeWeChat} has delivered.
 *
 * @public
 */
export interface FakeCustomMessage {
  /** The instant at which it was sent, on the fake's clock, in epoch milliseconds. */
  readonly at: number;
  /** The account that sent it. */
  readonly appid: string;
  /** The user. */
  readonly openid: string;
  /** The body of the call: `touser`, `msgtype` and the content. */
  readonly body: JsonObject;
}

/** A call that sends a message, as it came. */
export interface CustomMessageCall {
  /** The token; empty if there was none. */
  readonly token: string;
  /** The account of the token; `undefined` if the fake does not know the token. */
  readonly appid: string | undefined;
  readonly openid: string | undefined;
  readonly body: JsonObject;
  /** The code that was answered, 0 for success. */
  readonly errcode: number;
}

/** Records the customer service messages, and the calls that were to send one. */
export class FakeCustomMessageBook {
  readonly messages: FakeCustomMessage[] = [];
  /** All calls, those included that were refused. */
  readonly calls: CustomMessageCall[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  record(call: CustomMessageCall): void {
    this.calls.push(call);
    const { appid, openid, body, errcode } = call;
    if (errcode === 0 && appid !== undefined && openid !== undefined) {
      this.messages.push({ at: this.#clock.now(), appid, openid, body });
    }
  }
}
