import { randomUUID } from 'node:crypto';
import { onAbort } from '../../core/concurrency/abort-listeners.js';
import type { Engine } from '../../core/engine/engine.js';
import { noop } from '../../core/primitives/noop.js';
import { contended } from '../../core/store/write-errors.js';
import type { PlatformManager } from '../authorizers/platform-calls.js';
import { recoverAuthorizers } from '../authorizers/recover-authorizers.js';
import { assertRegistered } from '../authorizers/registered-platform.js';
import { type Recovery, RecoveryDocuments, type StoredRecovery } from './recovery-documents.js';
import { RecoveryRun } from './recovery-run.js';

/** The time after which a recovery whose process has not written anything counts as interrupted. */
const INTERRUPTED_AFTER_MS = 30_000;
const LOOK_EVERY_MS = 1_000;
const MAX_ROUNDS = 10;

/**
 * Begins recoveries of authorizers, one at a time for each platform in the whole fleet, and shows how far they are. Two at
 * once would do no harm, but would ask WeChat for everything twice.
 */
export class Recoveries {
  readonly #engine: Engine;
  readonly #manager: PlatformManager;
  readonly #documents: RecoveryDocuments;
  /** The recoveries that this process makes, by platform. */
  readonly #runs = new Map<string, Promise<void>>();

  constructor(engine: Engine, manager: PlatformManager) {
    this.#engine = engine;
    this.#manager = manager;
    this.#documents = new RecoveryDocuments(engine.store, engine.reader);
  }

  /** Returns the last recovery of a platform; `undefined` if there was none. */
  async last(component: string): Promise<Recovery | undefined> {
    await assertRegistered(this.#engine, component);
    return (await this.#read(component)).recovery;
  }

  /**
   * Begins a recovery or joins the one that is under way, and waits for its end. A recovery whose process has ended is begun anew.
   *
   * @returns the recovery as it is at its end, when the time is over, or when the closing of the manager begins.
   * @throws a `TokenError` with code `NOT_REGISTERED`, `STORE_UNAVAILABLE` or `CLOSED`.
   */
  async complete(component: string, timeoutMs: number): Promise<Recovery | undefined> {
    const { clock, closing } = this.#engine;
    const until = clock.monotonic() + timeoutMs;
    for (;;) {
      await this.#begin(component);
      const recovery = await this.ended(component, until - clock.monotonic());
      if (recovery?.state !== 'interrupted' || closing.hasBegun) return recovery;
    }
  }

  /**
   * Waits for the end of a recovery.
   *
   * @returns the recovery as it is then, when the time is over, or when the closing of the manager begins.
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async ended(component: string, timeoutMs: number): Promise<Recovery | undefined> {
    const { clock, closing } = this.#engine;
    const until = clock.monotonic() + timeoutMs;
    for (;;) {
      const { recovery } = await this.#read(component);
      const leftMs = until - clock.monotonic();
      if (recovery?.state !== 'running' || leftMs <= 0) return recovery;
      await this.#pause(component, Math.min(leftMs, LOOK_EVERY_MS));
      // The caller asks again, and is answered by the process that takes the place of this one.
      if (closing.hasBegun) return recovery;
    }
  }

  /** Begins a recovery, unless one is under way. */
  async #begin(component: string): Promise<void> {
    const { clock } = this.#engine;
    await assertRegistered(this.#engine, component);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { recovery, version } = await this.#read(component);
      if (recovery?.state === 'running') return;
      const now = clock.now();
      const counts = { total: 0, present: 0, restored: 0, needAuthorization: 0 };
      const begun: Recovery = { id: randomUUID(), state: 'running', startedAt: now, seenAt: now, ...counts };
      const saved = await this.#documents.save(component, begun, version);
      if (saved === undefined) continue;
      this.#run(component, begun, saved);
      return;
    }
    throw contended(`the recovery of ${component}`, { appid: component });
  }

  /** Resolves after this time, at the end of a recovery that this process makes, or when the closing begins. */
  #pause(component: string, pauseMs: number): Promise<void> {
    const { clock, closing } = this.#engine;
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        endListening();
        resolve();
      };
      const timer = clock.setTimer(end, pauseMs);
      const endListening = onAbort(closing.signal, end);
      void this.#runs.get(component)?.then(end);
    });
  }

  #run(component: string, begun: Recovery, version: number): void {
    const { clock, closing } = this.#engine;
    const run = new RecoveryRun(
      {
        component,
        documents: this.#documents,
        clock,
        closing: closing.signal,
        recover: (options) => recoverAuthorizers(this.#manager, component, options),
      },
      begun,
      version,
    );
    const running = closing
      .waitFor(() => run.make())
      // A closing that has just begun leaves the recovery to the next call.
      .catch(noop)
      .finally(() => {
        if (this.#runs.get(component) === running) this.#runs.delete(component);
      });
    this.#runs.set(component, running);
  }

  async #read(component: string): Promise<StoredRecovery> {
    const { recovery, version } = await this.#documents.read(component);
    if (recovery?.state !== 'running') return { recovery, version };
    const silentMs = Math.abs(this.#engine.clock.now() - recovery.seenAt);
    const isAlive = silentMs < INTERRUPTED_AFTER_MS;
    return { recovery: isAlive ? recovery : { ...recovery, state: 'interrupted' }, version };
  }
}
