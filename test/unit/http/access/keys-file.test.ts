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

test('a key that is added makes the file, for its owner alone, and holds no key', () => {
  appendKey(path, first.entry);
  appendKey(path, second.entry);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ keys: [first.entry, second.entry] });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, 'utf8')).not.toContain(first.key);
});

test('what else stands in the file stays', () => {
  writeFileSync(path, JSON.stringify({ comment: 'ours', keys: [] }));
  appendKey(path, first.entry);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ comment: 'ours', keys: [first.entry] });
});

test('a file with a byte order mark is read, and one in another encoding is refused by its path', () => {
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

test('an id that is there already is not added', () => {
  appendKey(path, first.entry);
  expect(() => appendKey(path, first.entry)).toThrow('is there twice');
});

test.each([
  [999, 1],
  [1_000, 2],
  [1_001, 2],
])('after %i ms a change is seen: %i keys', async (ms, count) => {
  appendKey(path, first.entry);
  const file = new KeysFile(path, clock);
  appendKey(path, second.entry);
  await clock.advance(ms);
  expect(file.current()).toHaveLength(count);
});

test('a file that breaks keeps the keys before, is reported once, and is read again when it is mended', async () => {
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

test('a device in the place of a file is not read, which may never end', async () => {
  appendKey(path, first.entry);
  const reports: string[] = [];
  const file = new KeysFile(path, clock, ({ message }) => reports.push(message));
  rmSync(path);
  symlinkSync('/dev/null', path);
  await clock.advance(1_000);
  expect(file.current()).toEqual([first.entry]);
  expect(reports).toEqual([`${path} is no regular file`]);
});

test('a change is seen of a file that keeps its length and the time of its content', async () => {
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
  ['[]', 'must hold an object like { "keys": [] }'],
  ['{}', 'keys must be an array, got undefined'],
  ['{"keys":[{"id":"CANARY"}]}', 'keys[0].id must be 8 characters of a-z 0-9'],
])('a file with %s is refused, by its name and without its text', (text, message) => {
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
