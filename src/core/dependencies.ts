import { safeCause } from './errors.js';
import type { Refresher } from './refresher.js';
import { assertAppid, assertSubject, assertTypeName, keyId, type TokenKey } from './token-key.js';

/**
 * @throws TypeError when what a key depends on leads back to itself, or `dependsOn` names something that is no key.
 */
export function assertNoCycle(
  key: TokenKey,
  refresherOf: (type: string) => Refresher | undefined,
  path: readonly string[] = [],
): void {
  const id = keyId(key);
  if (path.includes(id)) throw new TypeError(`dependsOn goes in a circle: ${[...path, id].join(' -> ')}`);
  for (const dependency of dependenciesOf(key, refresherOf(key.type))) {
    assertAppid(dependency.appid);
    assertTypeName(dependency.type);
    assertSubject(dependency.subject);
    assertNoCycle(dependency, refresherOf, [...path, id]);
  }
}

function dependenciesOf(key: TokenKey, refresher: Refresher | undefined): readonly TokenKey[] {
  try {
    return [...(refresher?.dependsOn?.(key) ?? [])];
  } catch (error) {
    throw new TypeError(`dependsOn of ${key.type} failed: ${safeCause(error).message}`);
  }
}
