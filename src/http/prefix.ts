import { describeValue } from '../core/primitives/redact.js';

const PREFIX = /^(?:\/[\w.~-]+)*$/;

/**
 * Asserts that a value can be the path below which routes are.
 *
 * @throws TypeError.
 */
export function assertPrefix(prefix: unknown): asserts prefix is string {
  if (typeof prefix === 'string' && PREFIX.test(prefix)) return;
  throw new TypeError(
    `prefix must be '' or a path like '/wechat', without a slash at its end, got ${describeValue(prefix)}`,
  );
}
