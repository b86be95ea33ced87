import { copyFields, mapMembers } from '../primitives/assert-options.js';
import { safeCause } from './errors.js';
import type { Refresher } from './refresher.js';
import { assertAppid, assertSubject, assertTypeName, keyId, type TokenKey, tokenKey } from './token-key.js';

type RefresherOf = (type: string) => Refresher | undefined;

/**
 * The maximum length of a chain of dependencies, which exceeds that of any real token. A longer chain is taken for an
 * endless one, in which each dependency names another.
 */
const MAX_DEPTH = 16;
const MAX_DEPENDENCIES = 64;
const MAX_KEYS = 256;

/**
 * Checks the direct and indirect dependencies of a key.
 *
 * @throws TypeError if a key depends on itself, if a chain has more than 16 keys, or if there are more than 256 keys in
 *   all; also throws what {@link dependenciesOf} throws.
 */
export function assertNoCycle(key: TokenKey, refresherOf: RefresherOf): void {
  walk(key, refresherOf, [], new Set());
}

/**
 * Returns checked copies of the keys that a refresher names as dependencies of a key.
 *
 * @throws TypeError if `dependsOn` throws, or returns anything but an array of at most 64 keys.
 */
export function dependenciesOf(key: TokenKey, refresher: Refresher | undefined): readonly TokenKey[] {
  const named = namedBy(key, refresher);
  if (named === undefined || named === null) return [];
  return mapMembers(
    named,
    `dependsOn of ${key.type} failed: its result`,
    (member) => checkedKey(member, key),
    MAX_DEPENDENCIES,
  );
}

function checkedKey(member: unknown, { type: dependent }: TokenKey): TokenKey {
  const what = `a key that dependsOn of ${dependent} names`;
  const fields = copyFields<Record<keyof TokenKey, unknown>>(member, ['appid', 'type', 'subject'], what);
  const { appid, type, subject } = fields;
  assertAppid(appid);
  assertTypeName(type);
  assertSubject(subject);
  return tokenKey(appid, type, subject);
}

function namedBy(key: TokenKey, refresher: Refresher | undefined): unknown {
  try {
    return refresher?.dependsOn?.(key);
  } catch (error) {
    throw new TypeError(`dependsOn of ${key.type} failed: ${safeCause(error).message}`);
  }
}

/**
 * Follows the dependencies of a key.
 *
 * @param seen - the ids of keys that have been followed, so that a shared dependency is followed only once.
 */
function walk(key: TokenKey, refresherOf: RefresherOf, path: readonly string[], seen: Set<string>): void {
  const id = keyId(key);
  if (path.includes(id)) throw new TypeError(`dependsOn goes in a circle: ${[...path, id].join(' -> ')}`);
  if (seen.has(id)) return;
  if (path.length >= MAX_DEPTH) {
    throw new TypeError(
      `dependsOn of ${key.type} leads through more than ${MAX_DEPTH} keys: ${path.slice(0, 3).join(' -> ')} -> ...`,
    );
  }
  seen.add(id);
  if (seen.size > MAX_KEYS) throw new TypeError(`dependsOn of ${key.type} leads to more than ${MAX_KEYS} keys`);
  for (const dependency of dependenciesOf(key, refresherOf(key.type))) {
    walk(dependency, refresherOf, [...path, id], seen);
  }
}
