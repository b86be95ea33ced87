import { copyFields, mapMembers } from '../primitives/assert-options.js';
import { safeCause } from './errors.js';
import type { Refresher } from './refresher.js';
import { assertAppid, assertSubject, assertTypeName, keyId, type TokenKey, tokenKey } from './token-key.js';

type RefresherOf = (type: string) => Refresher | undefined;

/** Longer than the chain of any token. A chain that is longer has no end: each dependency names another one. */
const MAX_DEPTH = 16;
const MAX_DEPENDENCIES = 64;
const MAX_KEYS = 256;

/**
 * Checks what a key depends on, and what that depends on.
 *
 * @throws TypeError when that leads back to itself, through more than 16 keys or to more than 256, and what
 *   {@link dependenciesOf} throws.
 */
export function assertNoCycle(key: TokenKey, refresherOf: RefresherOf): void {
  walk(key, refresherOf, [], new Set());
}

/**
 * Returns the keys that a refresher names for a key, checked and copied.
 *
 * @throws TypeError when `dependsOn` fails, or returns anything but an array of at most 64 keys.
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

/** @param seen - keys that have been followed: what many depend on is followed once. */
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
