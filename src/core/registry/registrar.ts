import type { Clock } from '../concurrency/clock.js';
import { KeyedMutex } from '../concurrency/keyed-mutex.js';
import type { Closing } from '../model/closing.js';
import type { RegistrationPlan, TaskPlan } from '../model/registration.js';
import { appDocumentId, documentId, type TokenKey } from '../model/token-key.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { contended, unregisteredError } from '../store/write-errors.js';
import { listenerOf, type RegistrarListener } from './registrar-listener.js';
import { LeaseTimeUp, type RegistrationLease, RegistrationLeases, StoreReplaced } from './registration-lease.js';
import { type RegistrarParts, RegistrationPartWriter } from './registration-part.js';
import { RegistrationRemoval } from './registration-removal.js';
import { RegistrationWriter, type Settled } from './registration-writer.js';
import type { Registry } from './registry.js';
import { StandingRegistration } from './standing-registration.js';

/** The progress of a registration that is written in parts. */
interface PartsProgress {
  next: number;
  appVersion?: number;
  isForced?: boolean;
  readonly done: Set<string>;
}

/** The maximum number of tasks that are registered all or nothing. */
const MAX_AT_ONCE = 1_000;
const MAX_ROUNDS = 10;
/** The pause between requests for a lease that the store refuses while the registration is stored already. */
const RETRY_MS = 1_000;

/**
 * Writes registrations.
 *
 * Up to 1,000 tasks are written under one lease, all or none. The app is written after them, since it makes them valid.
 * A larger registration is written in parts, each within the time of a lease. The app comes first then, so that its
 * removal between two parts is noticed and does not delete documents of the new registration. If another process has
 * changed the app in between, all parts are written again.
 */
export class Registrar {
  readonly #store: SupervisedStore;
  readonly #clock: Clock;
  readonly #registry: Registry;
  readonly #closing: Closing;
  #listener: RegistrarListener;
  readonly #writer: RegistrationWriter;
  readonly #partWriter: RegistrationPartWriter;
  readonly #leases: RegistrationLeases;
  readonly #removal: RegistrationRemoval;
  readonly #turns = new KeyedMutex();

  constructor(parts: RegistrarParts) {
    const { store, registry, clock, closing } = parts;
    this.#store = store;
    this.#clock = clock;
    this.#listener = listenerOf(registry);
    this.#registry = registry;
    this.#closing = closing;
    this.#writer = new RegistrationWriter(store, closing);
    this.#partWriter = new RegistrationPartWriter(parts, this.#writer);
    this.#leases = new RegistrationLeases(store, clock, closing);
    this.#removal = new RegistrationRemoval(store, this.#writer, this.#leases, clock, (id) =>
      this.#listener.unregistering(id),
    );
  }

  /** Sets the listener that is notified of registrations and unregistrations made here. */
  listen(listener: RegistrarListener): void {
    this.#listener = listener;
    this.#partWriter.listen(listener);
  }

  /**
   * Writes a registration.
   *
   * @param isAddition - whether the app has to exist.
   * @throws a `TokenError` with code `NOT_REGISTERED` if it does not.
   */
  async register(plan: RegistrationPlan, isAddition = false): Promise<void> {
    const appId = appDocumentId(plan.appid);
    let needsApp = isAddition || this.#listener.knows(appId);
    let wasMissing = false;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      try {
        if (await this.#register(plan, needsApp)) return;
        // The app is missing. If the store has lost it, it is put back, so that this registration can be added to it.
        await this.#store.judgeAbsence(appId);
        if (isAddition && wasMissing) throw unregisteredError(plan.appid);
        wasMissing = true;
        needsApp = isAddition;
      } catch (error) {
        if (!(error instanceof StoreReplaced)) throw error;
        needsApp = isAddition || this.#listener.knows(appId);
      }
    }
    throw new StoreReplaced(plan.appid);
  }

  unregisterApp(appid: string): Promise<void> {
    return this.#turns.run(appid, async () => {
      const isGone = await this.#removal.removeApp(appid);
      // If another process has registered the app anew, notifications of the store report the deleted documents
      // instead.
      if (isGone) this.#registry.removeApp(appid);
    });
  }

  /**
   * Unregisters a task.
   *
   * @param isStillWanted - asked when no other process can change the registration any more; if it returns `false`, the
   *   call fails.
   */
  unregisterTask(key: TokenKey, isStillWanted: () => boolean = () => true): Promise<void> {
    return this.#turns.run(key.appid, async () => {
      await this.#removal.removeTask(key, isStillWanted);
      this.#registry.removeTask(key);
    });
  }

  /**
   * Deletes once more those of these apps and tasks whose enrolment has ended; see {@link
   * RegistrationRemoval.removeEnded}.
   */
  removeEnded(...[appid, ids, hasEnded]: Parameters<RegistrationRemoval['removeEnded']>): Promise<void> {
    return this.#turns.run(appid, () => this.#removal.removeEnded(appid, ids, hasEnded));
  }

  /**
   * Runs one change of an app's registration at a time in the whole fleet. The work has to check the remaining time of
   * its lease.
   */
  exclusively(appid: string, work: (lease: RegistrationLease) => Promise<void>): Promise<void> {
    return this.#turns.run(appid, () => this.#leases.hold(appid, work));
  }

  /**
   * Writes a registration.
   *
   * @returns whether it was written, which it is not if the app is needed and missing.
   */
  async #register(plan: RegistrationPlan, needsApp: boolean): Promise<boolean> {
    const tasks = new Map(plan.tasks.map((task) => [documentId('task', task.key), task]));
    const standing = new StandingRegistration(this.#clock, () => this.#partWriter.standing(plan, tasks));
    for (;;) {
      try {
        return await this.#turns.run(plan.appid, () =>
          tasks.size > MAX_AT_ONCE
            ? this.#registerInParts(plan, tasks, needsApp)
            : this.#registerAtOnce(plan, tasks, needsApp),
        );
      } catch (error) {
        if (!this.#leases.isRefusal(error as object)) throw error;
        if (await this.#turns.run(plan.appid, () => this.#adoptStanding(plan, tasks, standing, error))) return true;
      }
      await this.#leases.pause(RETRY_MS);
    }
  }

  /**
   * Adopts a registration that is stored already, once that can be relied on without a lease.
   *
   * @param refusal - the error with which the store has refused the lease.
   * @returns whether it was adopted.
   * @throws the refusal if the registration would have to be written, or cannot be read either.
   */
  async #adoptStanding(
    plan: RegistrationPlan,
    tasks: ReadonlyMap<string, TaskPlan>,
    standing: StandingRegistration,
    refusal: unknown,
  ): Promise<boolean> {
    const { generation } = this.#listener;
    const found = await standing.look().catch(() => undefined);
    if (found === undefined) throw refusal;
    if (found.isReliable) await this.#partWriter.adopt(plan, tasks, found.settled, new Set(), generation);
    return found.isReliable;
  }

  async #registerAtOnce(
    plan: RegistrationPlan,
    tasks: ReadonlyMap<string, TaskPlan>,
    needsApp: boolean,
  ): Promise<boolean> {
    return this.#leases.hold(plan.appid, async (lease) => {
      const settled: Settled[] = [];
      const done: ReadonlySet<string> = new Set();
      const { generation } = this.#listener;
      try {
        if ((await this.#partWriter.write({ plan, tasks, needsApp, done }, lease, settled)) === undefined) return false;
      } catch (error) {
        await this.#writer.undo(settled, lease);
        // The closing of the manager has waited for this registration, and is the error to report.
        if (error instanceof LeaseTimeUp) this.#closing.assertOpen();
        throw error;
      }
      await this.#partWriter.adopt(plan, tasks, settled, done, generation);
      return true;
    });
  }

  async #registerInParts(
    plan: RegistrationPlan,
    tasks: ReadonlyMap<string, TaskPlan>,
    needsApp: boolean,
  ): Promise<boolean> {
    if (needsApp) {
      const [app] = await this.#store.get([appDocumentId(plan.appid)]);
      if (app === undefined) return false;
    }
    const all = [...tasks];
    const parts: ReadonlyMap<string, TaskPlan>[] = [new Map()];
    for (let first = 0; first < all.length; first += MAX_AT_ONCE) {
      parts.push(new Map(all.slice(first, first + MAX_AT_ONCE)));
    }
    for (let round = 0; round < MAX_ROUNDS; round++) if (await this.#writeParts(plan, parts)) return true;
    throw contended(`the registration of ${plan.appid}`, { appid: plan.appid });
  }

  /**
   * Writes all parts of a registration.
   *
   * @param parts - the first has no task and stands for the app.
   * @returns whether the app has stayed the same from the first part to the last.
   */
  async #writeParts(plan: RegistrationPlan, parts: readonly ReadonlyMap<string, TaskPlan>[]): Promise<boolean> {
    const progress: PartsProgress = { next: 0, done: new Set() };
    for (let leases = 0; progress.next < parts.length; leases++) {
      if (leases > 0) await this.#leases.pause();
      const isSame = await this.#leases.hold(plan.appid, (lease) => this.#writeSome(plan, parts, progress, lease));
      if (!isSame) return false;
    }
    return true;
  }

  /** Writes as many parts as the time of the lease permits. */
  async #writeSome(
    plan: RegistrationPlan,
    parts: readonly ReadonlyMap<string, TaskPlan>[],
    progress: PartsProgress,
    lease: RegistrationLease,
  ): Promise<boolean> {
    let wrote = false;
    while (progress.next < parts.length && (lease.hasTime || !wrote)) {
      const tasks = parts[progress.next] as ReadonlyMap<string, TaskPlan>;
      const settled: Settled[] = [];
      const { generation } = this.#listener;
      try {
        const app = await this.#partWriter.write({ plan, tasks, ...progress }, lease, settled);
        if (app === undefined) return false;
        progress.appVersion = await this.#partWriter.adopt(plan, tasks, settled, progress.done, generation);
        progress.isForced ??= app.wasMissing;
        progress.next += 1;
        wrote = true;
      } catch (error) {
        wrote ||= settled.some(({ isWritten }) => isWritten);
        // The rest is written under the next lease, unless not even one document could be written under a whole lease.
        if (!wrote || !(error instanceof LeaseTimeUp)) throw error;
        for (const { id, isUncertain } of settled) if (!isUncertain) progress.done.add(id);
        return true;
      }
    }
    return true;
  }
}
