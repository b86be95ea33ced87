import type { Clock } from '../../core/concurrency/clock.js';
import type { JsonObject } from '../../core/primitives/json.js';

/**
 * A subscribe message that a {@link FakeWeChat} has delivered.
 *
 * @public
 */
export interface FakeMessage {
  /** The instant of the delivery, on the fake's clock, in epoch milliseconds. */
  readonly at: number;
  /** The mini program. */
  readonly appid: string;
  /** The user. */
  readonly openid: string;
  /** The template of the message. */
  readonly templateId: string;
  /** The page of the mini program that the message opens; `undefined` for none. */
  readonly page: string | undefined;
  /** The fields of the template by name. */
  readonly data: JsonObject;
}

/** Counts the accepted prompts of users, each of which permits one message, and records the delivered messages. */
export class FakePromptBook {
  readonly messages: FakeMessage[] = [];
  readonly #clock: Clock;
  readonly #left = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  accept(appid: string, openid: string, templateId: string, times: number): void {
    const id = idOf(appid, openid, templateId);
    this.#left.set(id, this.left(appid, openid, templateId) + times);
  }

  left(appid: string, openid: string, templateId: string): number {
    return this.#left.get(idOf(appid, openid, templateId)) ?? 0;
  }

  /** Delivers a message and returns its number; `undefined`, without delivery, if no accepted prompt is left. */
  deliver(message: Omit<FakeMessage, 'at'>): number | undefined {
    const { appid, openid, templateId } = message;
    const left = this.left(appid, openid, templateId);
    if (left === 0) return undefined;
    this.#left.set(idOf(appid, openid, templateId), left - 1);
    return this.messages.push({ at: this.#clock.now(), ...message });
  }

  /** Revokes the prompts that a user has accepted, as when the user turns messages off in the settings. */
  withdraw(appid: string, openid: string): void {
    const prefix = JSON.stringify([appid, openid]).slice(0, -1);
    for (const id of this.#left.keys()) if (id.startsWith(`${prefix},`)) this.#left.delete(id);
  }
}

function idOf(appid: string, openid: string, templateId: string): string {
  return JSON.stringify([appid, openid, templateId]);
}
