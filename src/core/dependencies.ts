import { safeCause } from './errors.js';
import type { Refresher } from './refresher.js';
import { assertAppid, assertSubject, assertTypeName, keyId, type TokenKey } from './token-key.js';

/** Longer than the chain of any token. A chain that is longer has no end: each dependency names another one. */
const MAX_DEPTH = 16;
const MAX_DEPENDENCIES = 64;

/**
 * @throws TypeError when what a key depends on leads back to itself or through more than 16 keys, or when `dependsOn` names
 *   something that is no key, or more than 64 keys.
 */
export function assertNoCycle(
  key: TokenKey,
  refresherOf: (type: string) => Refresher | undefined,
  path: readonly string[] = [],
): void {
  const id = keyId(key);
  if (path.includes(id)) throw new TypeError(`dependsOn goes in a circle: ${[...path, id].join(' -> ')}`);
  if (path.length >= MAX_DEPTH) {
    throw new TypeError(
      `dependsOn of ${key.type} leads through more than ${MAX_DEPTH} keys: ${path.slice(0, 3).join(' -> ')} -> ...`,
    );
  }
  for (const dependency of dependenciesOf(key, refresherOf(key.type))) {
    assertAppid(dependency.appid);
    assertTypeName(dependency.type);
    assertSubject(dependency.subject);
    assertNoCycle(dependency, refresherOf, [...path, id]);
  }
}

function dependenciesOf(key: TokenKey, refresher: Refresher | undefined): readonly TokenKey[] {
  try {
    const dependencies: TokenKey[] = [];
    for (const dependency of refresher?.dependsOn?.(key) ?? []) {
      if (dependencies.length === MAX_DEPENDENCIES) throw new RangeError(`more than ${MAX_DEPENDENCIES} keys`);
      dependencies.push(dependency);
    }
    return dependencies;
  } catch (error) {
    throw new TypeError(`dependsOn of ${key.type} failed: ${safeCause(error).message}`);
  }
}
