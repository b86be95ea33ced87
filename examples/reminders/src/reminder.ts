/** A time of day in the zone of a user. */
export interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
  /** 1 for Monday to 7 for Sunday; at least one. */
  readonly weekdays: readonly number[];
  /** An IANA zone, such as `Asia/Shanghai`. */
  readonly zone: string;
}

/** The choice of a user. */
export interface ReminderChoice extends TimeOfDay {
  /** 0 for a promise that the user gives, 1 for one that the user asks for. */
  readonly type: ReminderType;
  /** The content of the mini program that the reminder is about. */
  readonly contentId: string;
  /** The text of the message. */
  readonly detail: string;
}

export type ReminderType = 0 | 1;

export interface Reminder extends ReminderChoice {
  readonly id: string;
  /** The openid. */
  readonly user: string;
  readonly state: 'active' | 'ended';
  /** Why it has ended; empty while it is active. */
  readonly endedBecause: string;
  /** The instant of the next message, in epoch milliseconds, like the others. */
  readonly nextAt: number;
  readonly createdAt: number;
  /** Grows by one with each edit. */
  readonly version: number;
}

/** The outcome of a message at its instant. */
export interface Occurrence {
  /** The instant at which it was due, in epoch milliseconds. */
  readonly instant: number;
  readonly state: OccurrenceState;
  /** Why, in words for the user; empty when it was sent. */
  readonly reason: string;
  /** The `errcode` of WeChat's last answer, where there was one. */
  readonly errcode: number | undefined;
  readonly attempts: number;
}

/**
 * - `waiting`: WeChat has surely not taken it, and it is tried again.
 * - `claimed`: a worker is sending it.
 * - `sent`, `failed`: WeChat has taken or refused it.
 * - `unknown`: it may have been sent; it is not sent again.
 * - `skipped`: it was not sent, and will not be.
 */
export type OccurrenceState = 'waiting' | 'claimed' | 'sent' | 'failed' | 'unknown' | 'skipped';

export type FinalState = Exclude<OccurrenceState, 'waiting' | 'claimed'>;
