import type { Task } from './task.js';

/**
 * The standings of a task, the one that needs the most attention first. `broken`: there is no usable token. `troubled`:
 * there is one, and something has failed. `working`: a refresh is due or under way. `good`: nothing to do.
 */
export const STANDINGS = ['broken', 'troubled', 'working', 'good'] as const;
export type Standing = (typeof STANDINGS)[number];

/**
 * Returns the standing of a task. It is derived from the times in the task, so that it stays right while the server
 * cannot be reached.
 */
export function standingOf(task: Task, now: number): Standing {
  const { expiresAt, dueAt, waitingFor, lastError, delivery } = task;
  if (expiresAt === undefined) return waitingFor === undefined && lastError === undefined ? 'working' : 'broken';
  if (expiresAt <= now) return 'broken';
  if (lastError !== undefined || delivery?.state === 'failed') return 'troubled';
  return dueAt !== undefined && dueAt <= now ? 'working' : 'good';
}

/** Sorts tasks by standing, trouble first, and then by expiry, the earliest first. */
export function inOrder(tasks: readonly Task[], now: number): Task[] {
  const ranked = tasks.map((task) => ({ task, rank: STANDINGS.indexOf(standingOf(task, now)) }));
  ranked.sort((a, b) => a.rank - b.rank || endOf(a.task) - endOf(b.task) || (a.task.id < b.task.id ? -1 : 1));
  return ranked.map(({ task }) => task);
}

function endOf({ expiresAt = 0 }: Task): number {
  return expiresAt;
}

/** Returns the remaining share of a token's life, from 1 to 0. */
export function shareLeft({ obtainedAt, expiresAt }: Task, now: number): number {
  if (obtainedAt === undefined || expiresAt === undefined || expiresAt <= obtainedAt) return 0;
  return Math.min(1, Math.max(0, (expiresAt - now) / (expiresAt - obtainedAt)));
}
