/**
 * A schedule of when each task is due: in this process, or in a fleet that shares the work. It knows tasks and
 * instants, not tokens.
 */
export interface TaskSchedule<Task> {
  /** Notes when this task is due next, as far as that is known. */
  set(task: Task, at: number): void;
  delete(task: Task): void;
  start(): void;
  /** Begins nothing more. @returns when nothing that was handed out is held any longer, where that takes time. */
  stop(): void | Promise<void>;
  /** Looks at the clock now: timers are hints, and the wall clock may have moved. */
  check(): void;
}
