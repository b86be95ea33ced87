import { readFileSync } from 'node:fs';

const SOFT_LIMIT = /^Max open files +(\d+) /m;

/**
 * Returns how many connections a process may hold: the given share of its file descriptors, and at most `most`. The other
 * descriptors are left for the store, WeChat and processes that it starts.
 *
 * @param limits - the limits of the process in the format of Linux. By default they are read, and where there are none,
 *   `most` is returned.
 */
export function connectionsWithin(most: number, share: number, limits: string = limitsOfProcess()): number {
  const openFiles = SOFT_LIMIT.exec(limits)?.[1];
  return openFiles === undefined ? most : Math.min(most, Math.floor(Number(openFiles) * share));
}

function limitsOfProcess(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
