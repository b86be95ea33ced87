import type { Task } from './task.js';

const TYPES: ReadonlySet<string> = new Set(['component_access_token', 'authorizer_access_token']);

/** Returns the appids of the third-party platforms among the apps of tasks, in alphabetical order. */
export function platformsIn(tasks: readonly Task[]): readonly string[] {
  return [...new Set(tasks.filter(({ type }) => TYPES.has(type)).map(({ appid }) => appid))].toSorted();
}
