import type { EnrolmentMarks } from './enrolment.js';
import type { HeldTask } from './held-task.js';
import type { TokenKey } from './token-key.js';

/** Receives what has become known of apps and tasks. */
export interface RegistryListener {
  taskAdded(task: HeldTask): void;
  /** It was there, and was registered anew. */
  taskReplaced(task: HeldTask): void;
  taskRemoved(task: HeldTask): void;
  /** The app is not registered, or not yet: its tasks stay known, because a registration writes them before the app. */
  appForgotten(appid: string): void;
  /** The app, or the task of this key, was unregistered and registered again: the records of before belong to neither. */
  enrolledAnew(appid: string, key: TokenKey | undefined, marks: EnrolmentMarks): void;
  /** The secret, the mode, or the params of a task changed: what failed before may work now. */
  registrationChanged(appid: string): void;
}
