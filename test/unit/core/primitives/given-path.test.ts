import { expect, test } from 'vitest';
import { describePath, mayBeSecret } from '../../../../src/core/primitives/given-path.js';

/** Base64 without a digit, of 43 characters, in which slashes keep every word short. */
const BASE64 = `${'aB/'.repeat(14)}c`;

test.each([
  'redis://:pass@host',
  '{"keys":[]}',
  ' \n{"keys":[]}',
  'wtm_abc',
  'keys/wtm_abc',
  'whsec_abc',
  `${BASE64}=`,
  'abcdefghijklmnopqrstuvw1',
  'abc+def=ghi_jkl-mnopq123',
  '/run/secrets/abcdefghijklmnopqrstuvw1',
])('a text that was passed as a path may be a secret: %j', (path) => {
  expect(mayBeSecret(path)).toBe(true);
  expect(describePath(path)).toBe(`what it was given, ${path.length} characters,`);
});

test.each([
  '/etc/keys.json',
  'keys-{a,b}.json',
  'C:\\keys\\keys1.json',
  `/${BASE64}=`,
  `${BASE64}=/`,
  'certificatesofourcompany',
  'certificates-of-our-company/keys1.json',
  'certificates-of-our-company.2026.json',
  'abcdefghijklmnopqrstuv1',
])('a path is shown as it is: %j', (path) => {
  expect(mayBeSecret(path)).toBe(false);
  expect(describePath(path)).toBe(path);
});

test.each([
  ['my keys.json', '"my keys.json"'],
  ['', '""'],
  ['keys\n', '"keys\\n"'],
  ['密钥', '"\\u5bc6\\u94a5"'],
  [`${'a/'.repeat(100)}b`, `"${'a/'.repeat(20)}"... (201 characters)`],
])('a path that a message could not show as it is, is described: %j', (path, shown) => {
  expect(describePath(path)).toBe(shown);
});

test('a path of 200 characters is shown as it is', () => {
  const path = 'a/'.repeat(100);
  expect(describePath(path)).toBe(path);
});
