import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createApiKey } from '../../../../src/http/access/api-key.js';
import { KeysFile } from '../../../../src/http/access/keys-file.js';
import { appendKey } from '../../../../src/http/access/keys-file-change.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

const first = createApiKey({ scopes: ['read'] });
const second = createApiKey({ scopes: ['refresh'], note: 'of the second team' });

let directory: string;
let path: string;
let clock: FakeClock;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wechat-keys-'));
  path = join(directory, 'keys.json');
  clock = new FakeClock();
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('adding a key creates the file with mode 0600 and without the key itself', () => {
  appendKey(path, first.entry);
  appendKey(path, second.entry);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ keys: [first.entry, second.entry] });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, 'utf8')).not.toContain(first.key);
});

test('adding a key keeps the other members of the file', () => {
  writeFileSync(path, JSON.stringify({ comment: 'ours', keys: [] }));
  appendKey(path, first.entry);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ comment: 'ours', keys: [first.entry] });
});

test('a keys file with a byte order mark is read, and another encoding is rejected with its path', () => {
  const text = JSON.stringify({ keys: [first.entry] });
  writeFileSync(path, `\uFEFF${text}`);
  expect(new KeysFile(path, clock).current()).toEqual([first.entry]);
  writeFileSync(path, Buffer.from(`\uFEFF${text}`, 'utf16le'));
  expect(() => new KeysFile(path, clock)).toThrow(new TypeError(`${path} is not encoded in UTF-8`));
});

test('a key that is given in place of a path is not shown', () => {
  const { key } = first;
  const message = `what it was given, ${key.length} characters, cannot be read: ENOENT`;
  expect(() => new KeysFile(key, clock)).toThrow(new TypeError(message));
});

test('an entry whose id exists already is not added', () => {
  appendKey(path, first.entry);
  expect(() => appendKey(path, first.entry)).toThrow('occurs twice');
});

test.each([
  [999, 1],
  [1_000, 2],
  [1_001, 2],
])('after %i ms a changed keys file is read again: %i keys', async (ms, count) => {
  appendKey(path, first.entry);
  const file = new KeysFile(path, clock);
  appendKey(path, second.entry);
  await clock.advance(ms);
  expect(file.current()).toHaveLength(count);
});

test('a keys file that breaks keeps the previous keys, is reported once, and is read again once repaired', async () => {
  appendKey(path, first.entry);
  const reports: string[] = [];
  const file = new KeysFile(path, clock, ({ message }) => reports.push(message));
  writeFileSync(path, '{ "keys": [ CANARY');
  for (let times = 0; times < 3; times++) {
    await clock.advance(1_000);
    expect(file.current()).toEqual([first.entry]);
  }
  expect(reports).toEqual([`${path} is not JSON`]);
  rmSync(path);
  await clock.advance(1_000);
  expect(file.current()).toEqual([first.entry]);
  appendKey(path, second.entry);
  await clock.advance(1_000);
  expect(file.current()).toEqual([second.entry]);
  expect(reports).toHaveLength(2);
});

test('a device in place of the keys file is not read', async () => {
  appendKey(path, first.entry);
  const reports: string[] = [];
  const file = new KeysFile(path, clock, ({ message }) => reports.push(message));
  rmSync(path);
  symlinkSync('/dev/null', path);
  await clock.advance(1_000);
  expect(file.current()).toEqual([first.entry]);
  expect(reports).toEqual([`${path} is no regular file`]);
});

test('a changed keys file is noticed although its length and modification time stay the same', async () => {
  const put = (id: string): void => {
    writeFileSync(path, JSON.stringify({ keys: [{ ...first.entry, id }] }));
    utimesSync(path, 1_000_000_000, 1_000_000_000);
  };
  put('aaaaaaaa');
  const file = new KeysFile(path, clock);
  put('bbbbbbbb');
  await clock.advance(1_000);
  expect(file.current().map(({ id }) => id)).toEqual(['bbbbbbbb']);
});

test.each([
  [undefined, 'cannot be read: ENOENT'],
  ['CANARY', 'is not JSON'],
  ['[]', 'must contain an object like { "keys": [] }'],
  ['{}', 'keys must be an array, got undefined'],
  ['{"keys":[{"id":"CANARY"}]}', 'keys[0].id must be 8 characters of a-z 0-9'],
])('a keys file with %s is rejected by its path and without its text', (text, message) => {
  if (text !== undefined) writeFileSync(path, text);
  let thrown = '';
  try {
    new KeysFile(path, clock);
  } catch (error) {
    thrown = (error as Error).message;
  }
  expect(thrown).toContain(path);
  expect(thrown).toContain(message);
  expect(thrown).not.toContain('CANARY');
});
