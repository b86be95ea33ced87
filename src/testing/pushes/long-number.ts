import { randomInt } from 'node:crypto';

/** Returns a number of 19 digits, as the ids of WeChat's messages and the texts of its checks of a URL are. */
export function longNumber(): string {
  return `${randomInt(100_000_000, 999_999_999)}${randomInt(1_000_000_000, 9_999_999_999)}`;
}
