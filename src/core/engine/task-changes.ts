import type { EnrolmentMarks } from '../model/enrolment.js';
import type { TokenKey } from '../model/token-key.js';
import type { VerifyTickets } from '../pushes/verify-tickets.js';
import type { CallbackRelay } from '../refresh/callback-relay.js';
import type { State } from '../refresh/state.js';
import type { RegistryListener } from '../registry/registry-listener.js';
import type { TaskEntry } from '../registry/task-entry.js';
import type { Lifecycle } from './lifecycle.js';
import type { LostFunctions } from './lost-functions.js';
import type { Work } from './work.js';

/** Handles tasks that were registered, changed or unregistered. */
export class TaskChanges implements RegistryListener {
  readonly #state: State;
  readonly #work: Work;
  readonly #callbacks: CallbackRelay;
  readonly #lostFunctions: LostFunctions;
  readonly #lifecycle: Pick<Lifecycle, 'isRegistryLoaded'>;
  readonly #tickets: VerifyTickets;

  constructor(
    state: State,
    work: Work,
    callbacks: CallbackRelay,
    lostFunctions: LostFunctions,
    lifecycle: Pick<Lifecycle, 'isRegistryLoaded'>,
    tickets: VerifyTickets,
  ) {
    this.#state = state;
    this.#work = work;
    this.#callbacks = callbacks;
    this.#lostFunctions = lostFunctions;
    this.#lifecycle = lifecycle;
    this.#tickets = tickets;
  }

  taskAdded(task: TaskEntry): void {
    const { records, coolDowns } = this.#state;
    const { flights, scheduler } = this.#work;
    const { key } = task;
    const held = records.cache.get(key);
    if (held !== undefined) records.cache.set(held);
    // The key may have been requested before it had a task, and the task may bring the input that was missing.
    coolDowns.clear(key);
    // In a fleet, a task that was read for a caller does not show when it is due.
    const isScheduled = this.#lifecycle.isRegistryLoaded && !scheduler.isShared;
    if (held !== undefined || isScheduled) flights.reschedule(key);
    this.#callbacks.taskChanged(key);
    this.#lostFunctions.added(task);
    this.#tickets.taskAdded(key);
  }

  taskReplaced({ key }: TaskEntry): void {
    this.#callbacks.taskChanged(key);
    // Other tasks of the app are not looked at: a registration of thousands would look at all of them for each.
    this.#work.flights.retrySoon(key);
  }

  taskRemoved(task: TaskEntry): void {
    this.#callbacks.taskRemoved(task.key);
    this.#state.records.cache.delete(task.key);
    this.#work.flights.forget(task);
    this.#lostFunctions.removed(task);
    this.#tickets.taskRemoved(task.key);
  }

  appForgotten(appid: string): void {
    const { registry, records } = this.#state;
    this.#tickets.appRemoved(appid);
    records.cache.deleteApp(appid);
    for (const { key } of registry.tasksOf(appid)) {
      records.cache.delete(key);
      this.#work.flights.reschedule(key);
    }
  }

  enrolledAnew(appid: string, key: TokenKey | undefined, marks: EnrolmentMarks): void {
    const { registry, records } = this.#state;
    const { cache } = records;
    if (key === undefined) this.#tickets.appRemoved(appid);
    const ofApp = (): TokenKey[] => [...cache.index.of(appid), ...registry.tasksOf(appid)].map((one) => one.key);
    for (const earlier of key === undefined ? ofApp() : [key]) {
      const held = cache.get(earlier);
      if (held === undefined || records.displaced.isPutBackWith(held, marks)) continue;
      cache.delete(earlier);
      this.#work.flights.reschedule(earlier);
    }
  }

  appReplaced(appid: string): void {
    this.#tickets.appChanged(appid);
    for (const { key } of this.#state.registry.tasksOf(appid)) this.#work.flights.retrySoon(key);
  }
}
