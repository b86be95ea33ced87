import type { Flights } from '../refresh/flights.js';
import type { Scheduler } from '../refresh/scheduler.js';

/** The refreshes of this process, and the scheduler that decides when they begin. */
export interface Work {
  readonly flights: Flights;
  readonly scheduler: Scheduler;
}
