import type { CallbackPort } from '../model/callback-port.js';
import type { RecordCache } from '../records/record-cache.js';
import type { Records } from '../records/records.js';
import type { HeldTask } from '../registry/held-task.js';
import type { RegistryListener } from '../registry/registry-listener.js';
import type { LostFunctions } from './lost-functions.js';
import type { TokenSource } from './token-source.js';

export interface TaskChangesParts {
  readonly records: () => Records;
  readonly source: () => TokenSource;
  readonly callbacks: () => CallbackPort | undefined;
  readonly tasksOf: (appid: string) => Iterable<HeldTask>;
  readonly lostFunctions: () => LostFunctions;
  /** Returns whether a task that has become known is scheduled by this process now. */
  readonly schedulesNewTasks: () => boolean;
}

/** Returns the listener that starts what follows from tasks that have come, changed or gone. */
export function taskChanges({
  records,
  source,
  callbacks,
  tasksOf,
  lostFunctions,
  schedulesNewTasks,
}: TaskChangesParts): RegistryListener {
  const cache = (): RecordCache => records().cache;
  return {
    taskAdded(task) {
      const { key } = task;
      const held = cache().get(key);
      if (held !== undefined) cache().set(held);
      // What a key that was asked for before it had a task was lacking may have come with it.
      source().setbacks.clear(key);
      if (held !== undefined || schedulesNewTasks()) source().reschedule(key);
      callbacks()?.taskChanged(key);
      lostFunctions().added(task);
    },
    taskReplaced({ key }) {
      callbacks()?.taskChanged(key);
    },
    taskRemoved(task) {
      callbacks()?.taskRemoved(task.key);
      cache().delete(task.key);
      source().forget(task);
      lostFunctions().removed(task);
    },
    appForgotten(appid) {
      cache().deleteApp(appid);
      for (const { key } of tasksOf(appid)) {
        cache().delete(key);
        source().reschedule(key);
      }
    },
    enrolledAnew(appid, key, marks) {
      const keys = key === undefined ? [...cache().index.of(appid), ...tasksOf(appid)].map((one) => one.key) : [key];
      for (const of of keys) {
        const held = cache().get(of);
        if (held === undefined || records().isPutBackWith(held, marks)) continue;
        cache().delete(of);
        source().reschedule(of);
      }
    },
    registrationChanged(appid) {
      for (const { key } of tasksOf(appid)) source().retrySoon(key);
    },
  };
}
