import type { PushContent } from './push-content.js';
import { PushRefused } from './push-refused.js';

const SECOND_MS = 1_000;
/** The time by which an instant that WeChat names may be ahead. One that is farther ahead would make all later pushes count as old. */
export const AHEAD_MS: number = 10 * 60_000;
const CREATE_TIME = /^\d{1,12}$/;

/**
 * Returns the instant of `CreateTime` in epoch milliseconds.
 *
 * @throws PushRefused if it is missing or no whole number of seconds.
 */
export function createTimeOf(content: PushContent): number {
  const text = content.textOf('CreateTime') ?? '';
  if (!CREATE_TIME.test(text)) throw new PushRefused(400, 'the pushed message has no CreateTime in seconds');
  return Number(text) * SECOND_MS;
}

/**
 * Returns the text of a field.
 *
 * @throws PushRefused if it is missing or empty.
 */
export function requiredText(content: PushContent, name: string): string {
  const text = content.textOf(name) ?? '';
  if (text === '') throw new PushRefused(400, `the pushed message has no ${name}`);
  return text;
}
