import assert from 'node:assert/strict';

/**
 * Asserts that two values are equal in content. Of what realm their objects are, or whether they have a prototype, is left
 * out of account: a driver may return rows of its own making, and a test runner may run tests in another realm.
 */
export function assertEqual(actual: unknown, expected: unknown, message?: string): void {
  assert.deepEqual(plain(actual), plain(expected), message);
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return Array.from(value, plain);
  if (Object.prototype.toString.call(value) !== '[object Object]') return value;
  return Object.fromEntries(Object.entries(value as object).map(([name, member]) => [name, plain(member)]));
}
