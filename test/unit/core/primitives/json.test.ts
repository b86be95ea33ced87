import { expect, test } from 'vitest';
import { isJsonObject } from '../../../../src/core/primitives/json.js';

test('a proxy that was revoked does not count as an object', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  expect(isJsonObject(proxy)).toBe(true);
  revoke();
  expect(isJsonObject(proxy)).toBe(false);
});
