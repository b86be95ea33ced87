import type { Records } from '../records/records.js';
import type { StoreClockListener } from '../store/store-clock.js';
import type { Work } from './work.js';

/** Handles clocks that were set: instants that were computed before are too early or too late. */
export class ClockJumps implements StoreClockListener {
  readonly #records: Records;
  readonly #work: Work;

  constructor(records: Records, work: Work) {
    this.#records = records;
    this.#work = work;
  }

  wentBack(): void {
    const { flights, scheduler } = this.#work;
    const late = this.#records.invalidateAll();
    scheduler.bringForward(late);
    for (const { key } of late) flights.reschedule(key);
    scheduler.check();
  }

  wentForward(): void {
    this.#work.scheduler.check();
  }
}
