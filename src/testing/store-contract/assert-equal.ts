import assert from 'node:assert/strict';

/**
 * Asserts that two values are equal in content. The realm and the prototype of objects are ignored, because a driver may
 * return rows of its own classes, and a test runner may run tests in another realm.
 */
export function assertEqual(actual: unknown, expected: unknown, message?: string): void {
  assert.deepEqual(plain(actual), plain(expected), message);
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return Array.from(value, plain);
  if (Object.prototype.toString.call(value) !== '[object Object]') return value;
  return Object.fromEntries(Object.entries(value as object).map(([name, member]) => [name, plain(member)]));
}
