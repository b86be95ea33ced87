import type { RequestFailure, TaskList } from '../server/api.js';
import type { TaskFilter } from '../tasks/task-filter.js';
import type { Words } from '../words/language.js';

/** Rows are drawn anew every second, so there is a bound on them, and a button for more. */
export const ROWS_AT_ONCE = 200;

/** Everything that the page is drawn from. The key is not among it. */
export interface PageState {
  words: Words;
  hasKey: boolean;
  list: TaskList | undefined;
  /** The time at which the list came, on the clock of this computer. */
  readAt: number;
  /** The reason why the tasks could not be read the last time. */
  outage: RequestFailure | undefined;
  filter: TaskFilter;
  /** The most tasks that are shown. */
  rows: number;
  /** The ids of the tasks whose refresh is under way. */
  readonly refreshing: Set<string>;
}
