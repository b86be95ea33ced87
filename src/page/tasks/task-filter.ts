import { type Standing, standingOf } from './standing.js';
import type { Task } from './task.js';

export interface TaskFilter {
  /** The search words. Each of them must occur in the appid, type, subject, error code, standing or waiting reason of a task. */
  readonly words: string;
  readonly standing: Standing | undefined;
}

/**
 * Returns the tasks that match a filter.
 *
 * @param nameOf - returns the name of a standing in the language of the page.
 */
export function filtered(
  tasks: readonly Task[],
  { words, standing }: TaskFilter,
  now: number,
  nameOf: (standing: Standing) => string,
): Task[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return tasks.filter((task) => {
    const own = standingOf(task, now);
    if (standing !== undefined && own !== standing) return false;
    if (wanted.length === 0) return true;
    const { appid, type, subject = '', waitingFor, lastError } = task;
    const facts = [appid, type, subject, waitingFor, lastError?.code, lastError?.errcode, own, nameOf(own)];
    const text = facts.join(' ').toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}
