import type { Clock } from '../../core/concurrency/clock.js';
import { type FakeBook, type FakeIssue, isNearItsEnd, randomValue, showIssue } from './issue.js';

interface IssuedTicket {
  readonly value: string;
  expiresAt: number;
}

/** Records the `jsapi` and `wx_card` tickets that the fake has issued. */
export class FakeTicketBook implements FakeBook {
  readonly #clock: Clock;
  readonly #lifeMs: number;
  /** The newest ticket by appid and type. */
  readonly #current = new Map<string, IssuedTicket>();
  readonly #tickets = new Map<string, IssuedTicket>();

  constructor(clock: Clock, lifeMs: number) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
  }

  /** Returns the same ticket until it is about to expire. The previous one remains valid until it expires. */
  ticket(appid: string, type: string): FakeIssue {
    const id = `${appid}/${type}`;
    const now = this.#clock.now();
    let ticket = this.#current.get(id);
    if (ticket === undefined || isNearItsEnd(ticket.expiresAt, now, this.#lifeMs)) {
      ticket = { value: randomValue(`${type}-ticket_`), expiresAt: now + this.#lifeMs };
      this.#current.set(id, ticket);
      this.#tickets.set(ticket.value, ticket);
    }
    return showIssue(ticket, now);
  }

  isValid(value: string): boolean {
    const ticket = this.#tickets.get(value);
    return ticket !== undefined && ticket.expiresAt > this.#clock.now();
  }

  expire(value: string): void {
    const ticket = this.#tickets.get(value);
    if (ticket !== undefined) ticket.expiresAt = this.#clock.now();
  }
}
