import type { EnrolmentMarks } from '../model/enrolment.js';
import type { TokenKey } from '../model/token-key.js';
import { noop } from '../primitives/noop.js';
import type { TaskEntry } from './task-entry.js';

/** Receives what has become known of apps and tasks. */
export interface RegistryListener {
  taskAdded(task: TaskEntry): void;
  /** Is called for a task that was there and was registered anew. */
  taskReplaced(task: TaskEntry): void;
  taskRemoved(task: TaskEntry): void;
  /** Is called when the app is not there, or not yet: its tasks stay known, because a registration writes them before the app. */
  appForgotten(appid: string): void;
  /** Is called when the app, or the task of this key, was unregistered and registered again: earlier records belong to neither. */
  enrolledAnew(appid: string, key: TokenKey | undefined, marks: EnrolmentMarks): void;
  /** Is called when the secret, the mode, or the params of a task changed: what failed before may work now. */
  registrationChanged(appid: string): void;
}

/** Starts nothing, as before anything listens. */
export const NO_LISTENER: RegistryListener = {
  taskAdded: noop,
  taskReplaced: noop,
  taskRemoved: noop,
  appForgotten: noop,
  enrolledAnew: noop,
  registrationChanged: noop,
};
