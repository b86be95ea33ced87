import type { EnrolmentMarks } from '../model/enrolment.js';
import type { TokenKey } from '../model/token-key.js';
import { noop } from '../primitives/noop.js';
import type { TaskEntry } from './task-entry.js';

/** A listener for changes of apps and tasks. */
export interface RegistryListener {
  taskAdded(task: TaskEntry): void;
  /** Handles a task that was known and was registered anew, perhaps with other params. */
  taskReplaced(task: TaskEntry): void;
  taskRemoved(task: TaskEntry): void;
  /**
   * Handles an app that is absent, perhaps because it is not written yet. Its tasks stay known, since a registration
   * writes them before the app.
   */
  appForgotten(appid: string): void;
  /**
   * Handles an app, or the task of this key, that was unregistered and registered again, so that earlier records do not
   * belong to it.
   */
  enrolledAnew(appid: string, key: TokenKey | undefined, marks: EnrolmentMarks): void;
  /** Handles an app that was registered, perhaps with another secret or mode, after which failed attempts may succeed. */
  appReplaced(appid: string): void;
}

/** The listener that is used before any is set, which does nothing. */
export const NO_LISTENER: RegistryListener = {
  taskAdded: noop,
  taskReplaced: noop,
  taskRemoved: noop,
  appForgotten: noop,
  enrolledAnew: noop,
  appReplaced: noop,
};
