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

/** Starts what follows from what the store has shown of keys. */
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

  /** Refreshes what another process has reported. In a fleet its schedule hands that out, but for functions. */
  reported(key: TokenKey, value: string): void {
    const { registry, scheduler, clock, tokens, refreshes } = this.#parts;
    const task = registry.task(key);
    if (!refreshes || task === undefined) return;
    if (!scheduler.isShared) tokens.replaceStale(key, value).catch(() => {});
    else if (hasParamsFunction(task)) scheduler.set(task, clock.now());
  }
}
