import type { Task } from '../tasks/task.js';
import type { Words } from '../words/language.js';
import { keepRoles } from './table-roles.js';
import { type TaskRow, taskRow } from './task-row.js';

export interface TableView {
  /** The tasks to show, in their order. */
  readonly tasks: readonly Task[];
  readonly now: number;
  readonly words: Words;
  /** The ids of the tasks that are being refreshed. */
  readonly refreshing: ReadonlySet<string>;
}

/** Keeps one row for each shown task, so that the row, its focus and its bar survive the next drawing. */
export function taskTable(table: HTMLTableElement, onRefresh: (task: Task) => void): (view: TableView) => void {
  const rows = new Map<string, TaskRow>();
  keepRoles(table);

  return ({ tasks, now, words, refreshing }) => {
    const focused = document.activeElement;
    const shown = new Set(tasks.map(({ id }) => id));
    for (const [id, row] of rows) {
      if (shown.has(id)) continue;
      row.element.remove();
      rows.delete(id);
    }
    let place: Element | null = table.tHead?.nextElementSibling ?? null;
    for (const task of tasks) {
      const row = rows.get(task.id) ?? taskRow(onRefresh);
      rows.set(task.id, row);
      row.update({ task, now, words, isRefreshing: refreshing.has(task.id) });
      if (row.element === place) place = place.nextElementSibling;
      else table.insertBefore(row.element, place);
    }
    const hasMoved = focused !== document.activeElement && focused instanceof HTMLElement && focused.isConnected;
    if (hasMoved) focused.focus({ preventScroll: true });
  };
}
