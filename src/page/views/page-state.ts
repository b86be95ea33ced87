import type { TaskList } from '../server/api.js';
import type { RequestFailure } from '../server/request-failure.js';
import type { TaskFilter } from '../tasks/task-filter.js';
import type { Words } from '../words/language.js';

/**
 * The number of rows that are shown at first and added by the button. It is limited because all rows are drawn again
 * every second.
 */
export const ROWS_AT_ONCE = 200;

/** The state from which the page is drawn. It does not contain the key. */
export interface PageState {
  words: Words;
  hasKey: boolean;
  list: TaskList | undefined;
  /** The time at which the list arrived, on the clock of this computer. */
  readAt: number;
  /** The reason why the last attempt to read the tasks failed. */
  outage: RequestFailure | undefined;
  filter: TaskFilter;
  /** The limit of shown tasks. */
  rows: number;
  /** The ids of the tasks that are being refreshed. */
  readonly refreshing: Set<string>;
}
