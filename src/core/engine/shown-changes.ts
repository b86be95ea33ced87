import type { Clock } from '../concurrency/clock.js';
import type { TokenKey } from '../model/token-key.js';
import type { RecordListener } from '../records/record-changes.js';
import type { TokenGetter } from '../refresh/token-getter.js';
import type { Registry } from '../registry/registry.js';
import { hasParamsFunction } from '../registry/task-entry.js';
import type { Work } from './work.js';

export interface ShownChangesParts extends Work {
  readonly registry: Registry;
  readonly clock: Pick<Clock, 'now'>;
  readonly tokens: TokenGetter;
  /** Whether this process refreshes at all. */
  readonly refreshes: boolean;
}

/** Handles changes of keys that the store has shown. */
export class ShownChanges implements RecordListener {
  readonly #parts: ShownChangesParts;

  constructor(parts: ShownChangesParts) {
    this.#parts = parts;
  }

  changed(key: TokenKey): void {
    const { flights } = this.#parts;
    flights.reschedule(key);
    flights.wakeWaiting(key);
  }

  /**
   * Refreshes a key that another process has reported stale. In a fleet the schedule assigns it, unless its params are
   * a function.
   */
  reported(key: TokenKey, value: string): void {
    const { registry, scheduler, clock, tokens, refreshes } = this.#parts;
    const task = registry.task(key);
    if (!refreshes || task === undefined) return;
    if (!scheduler.isShared) tokens.replaceStale(key, value).catch(() => {});
    else if (hasParamsFunction(task)) scheduler.set(task, clock.now());
  }
}
