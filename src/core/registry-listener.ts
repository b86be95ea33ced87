import type { HeldTask } from './held-task.js';

/** Is told of what has become known of apps and tasks. */
export interface RegistryListener {
  taskAdded(task: HeldTask): void;
  /** It was there, and was registered anew. */
  taskReplaced(task: HeldTask): void;
  taskRemoved(task: HeldTask): void;
  /** The app is not registered, or not yet: its tasks stay known, because a registration writes them before the app. */
  appForgotten(appid: string): void;
  /** The secret, the mode, or the params of a task changed: what failed before may work now. */
  registrationChanged(appid: string): void;
}
