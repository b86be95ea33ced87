import { expect, test } from 'vitest';
import { type ApiKey, createApiKey } from '../../../../src/http/access/api-key.js';
import { KeyRing } from '../../../../src/http/access/key-ring.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

const clock = new FakeClock();
const limited = createApiKey({ scopes: ['read'], perSecond: 1 });
const other = createApiKey({ scopes: ['read'] });

test('a key is found by the whole of its text, not by its id alone', () => {
  const ring = new KeyRing(() => entries);
  const entries = [limited.entry, other.entry];
  const [, id = ''] = limited.key.split('_');
  const [, otherId = ''] = other.key.split('_');
  expect(ring.find(limited.key)?.admission.keyId).toBe(id);
  expect(ring.find(limited.key.replace(id, otherId))).toBeUndefined();
  expect(ring.find(`${limited.key}A`)).toBeUndefined();
  expect(ring.find(` ${limited.key}`)).toBeUndefined();
  expect(ring.find('')).toBeUndefined();
});

test('a guessable password whose hash was added by hand is not accepted as a key', () => {
  const hash = '5e884898da28047151d0e56f8dc6292773603d0d6aabbd62a11ef721d1542d8';
  const ring = new KeyRing(() => entries);
  const entries: ApiKey[] = [{ ...other.entry, hash: `${hash}8` }];
  expect(ring.find('password')).toBeUndefined();
});

test('a removed key is no longer found, and an added key is', () => {
  let entries = [limited.entry];
  const ring = new KeyRing(() => entries);
  expect([ring.find(limited.key), ring.find(other.key)]).toEqual([expect.anything(), undefined]);
  entries = [other.entry];
  expect([ring.find(limited.key), ring.find(other.key)]).toEqual([undefined, expect.anything()]);
});

test('the used rate limit of a key outlasts a change of other keys and ends with a change of its own', () => {
  let entries = [limited.entry];
  const ring = new KeyRing(() => entries);
  const take = (): number | undefined => ring.find(limited.key)?.rate?.reserve(clock.monotonic());
  expect([take(), take()]).toEqual([0, 1_000]);
  entries = [limited.entry, other.entry];
  expect(take()).toBe(1_000);
  entries = [{ ...limited.entry, perSecond: 2 }];
  expect([take(), take(), take()]).toEqual([0, 0, 500]);
});

test('the key that was found last is told from similar keys, and is not found once removed', () => {
  const { key, entry } = createApiKey({ scopes: ['read'] });
  let entries: readonly ApiKey[] = [entry];
  const ring = new KeyRing(() => entries);
  expect(ring.find(key)).toBeDefined();
  const last = key.at(-1) === 'A' ? 'B' : 'A';
  expect(ring.find(`${key.slice(0, -1)}${last}`)).toBeUndefined();
  expect(ring.find(`${key}A`)).toBeUndefined();
  expect(ring.find(key)).toBeDefined();
  entries = [];
  expect(ring.find(key)).toBeUndefined();
  entries = [{ ...entry, hash: createApiKey({ scopes: ['read'] }).entry.hash }];
  expect(ring.find(key)).toBeUndefined();
});

test('only the header of the key that was found last is recognized, while that key is current', () => {
  const { key, entry } = createApiKey({ scopes: ['read'] });
  let entries: readonly ApiKey[] = [entry];
  const ring = new KeyRing(() => entries);
  const header = `Bearer ${key}`;
  expect(ring.recognize(header)).toBeUndefined();
  const held = ring.find(key);
  expect(ring.recognize(header)).toBe(held);
  const last = key.at(-1) === 'A' ? 'B' : 'A';
  const others = [key, `bearer ${key}`, `${header} `, `Bearer  ${key}`, `${header.slice(0, -1)}${last}`, ''];
  expect(others.map((other) => ring.recognize(other))).toEqual(others.map(() => undefined));
  entries = [{ ...entry, note: 'changed' }];
  expect(ring.recognize(header)).toBeUndefined();
  entries = [];
  expect([ring.find(key), ring.recognize(header)]).toEqual([undefined, undefined]);
});

test('the last use of a key outlasts a change of other keys and is not written to its entry', () => {
  let entries = [limited.entry];
  const ring = new KeyRing(() => entries);
  const held = ring.find(limited.key);
  if (held !== undefined) held.lastUsedAt = 7;
  entries = [other.entry, limited.entry];
  const { hash: _other, ...ofOther } = other.entry;
  const { hash: _limited, ...ofLimited } = limited.entry;
  expect(ring.uses()).toEqual([ofOther, { ...ofLimited, lastUsedAt: 7 }]);
  expect(entries[1]).not.toHaveProperty('lastUsedAt');
});
