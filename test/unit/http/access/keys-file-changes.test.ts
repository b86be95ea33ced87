import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { AccessCheck, type Caller } from '../../../../src/http/access/access-check.js';
import { Admission } from '../../../../src/http/access/admission.js';
import { createApiKey } from '../../../../src/http/access/api-key.js';
import { KeysFile } from '../../../../src/http/access/keys-file.js';
import { appendKey } from '../../../../src/http/access/keys-file-change.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

const first = createApiKey({ scopes: ['read'] });
const second = createApiKey({ scopes: ['read'] });

function newPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'wechat-keys-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'keys.json');
}

test('an unchanged keys file returns the same array', async () => {
  const [path, clock] = [newPath(), new FakeClock()];
  appendKey(path, first.entry);
  const file = new KeysFile(path, clock);
  const before = file.current();
  await clock.advance(60_000);
  expect(file.current()).toBe(before);
});

test('a keys file that disappears and comes back unchanged is reported each time', async () => {
  const [path, clock, reports] = [newPath(), new FakeClock(), [] as string[]];
  appendKey(path, first.entry);
  const file = new KeysFile(path, clock, ({ message }) => reports.push(message));
  const look = async (): Promise<void> => {
    await clock.advance(1_000);
    expect(file.current()).toEqual([first.entry]);
  };
  for (const times of [1, 2]) {
    renameSync(path, `${path}.away`);
    await look();
    await look();
    renameSync(`${path}.away`, path);
    await look();
    expect(reports).toEqual(Array(times).fill(`${path} cannot be read: ENOENT`));
  }
});

test('a key is added to the target of a symbolic link, the link stays, and no temporary file is left', () => {
  const path = newPath();
  appendKey(path, first.entry);
  symlinkSync(path, `${path}.link`);
  appendKey(`${path}.link`, second.entry);
  expect(lstatSync(`${path}.link`).isSymbolicLink()).toBe(true);
  expect(new KeysFile(path, new FakeClock()).current()).toEqual([first.entry, second.entry]);
  expect(readdirSync(join(path, '..')).sort()).toEqual(['keys.json', 'keys.json.link']);
});

test('a key is not added to a broken keys file, which stays as it is', () => {
  const path = newPath();
  writeFileSync(path, '{ "keys": CANARY');
  expect(() => appendKey(path, first.entry)).toThrow(new TypeError(`${path} is not JSON`));
  expect(readdirSync(join(path, '..'))).toEqual(['keys.json']);
});

test('a directory in place of the keys file is named in the error', () => {
  const path = newPath();
  mkdirSync(path);
  expect(() => new KeysFile(path, new FakeClock())).toThrow(new TypeError(`${path} cannot be read: EISDIR`));
  expect(() => appendKey(path, first.entry)).toThrow(`${path} cannot be read: EISDIR`);
});

function callerWith(key: string): Caller {
  const authorization = `Bearer ${key}`;
  return { authorization, peer: '127.0.0.1', host: '127.0.0.1', isCallback: false, header: () => undefined };
}

test('an access check follows changes of its keys file', async () => {
  const [path, clock] = [newPath(), new FakeClock()];
  appendKey(path, first.entry);
  const check = new AccessCheck({ keys: path, clock });
  const admits = ({ key }: { key: string }): boolean => {
    return check.admit(callerWith(key), true) instanceof Admission;
  };
  expect([admits(first), admits(second)]).toEqual([true, false]);
  appendKey(path, second.entry);
  await clock.advance(1_000);
  expect([admits(first), admits(second)]).toEqual([true, true]);
});

test.each([
  ['', 'an empty string'],
  [first.key, 'a key'],
  [`./${first.key}`, 'a key'],
])('keys that are a string and not a path are rejected without showing a key', (keys, got) => {
  expect(() => new AccessCheck({ keys })).toThrow(
    new TypeError(`keys must be an array of hashed keys or the path of a file with them, got ${got}`),
  );
});

test('an admission names its apps, and a request without an app is not refused yet', () => {
  const { key, entry } = createApiKey({ scopes: ['read'], appids: ['wx-a'] });
  const check = new AccessCheck({ keys: [entry], anonymous: false });
  const admitted = check.admit(callerWith(key), true);
  expect(admitted).toMatchObject({ appids: new Set(['wx-a']) });
  const refusals = [undefined, 'wx-a', 'wx-b'].map((appid) => (admitted as Admission).refusal('read', appid)?.status);
  expect(refusals).toEqual([undefined, undefined, 403]);
});

test.each([1, 'true', null])('anonymous has to be a boolean, not %j', (anonymous) => {
  expect(() => new AccessCheck({ anonymous: anonymous as never })).toThrow(/^anonymous must be true or false, got/);
});

test('a lock file that is never removed is named in the error, and no key is added', () => {
  const path = newPath();
  appendKey(path, first.entry);
  writeFileSync(`${path}.lock`, '');
  expect(() => appendKey(path, second.entry)).toThrow(`if not, remove ${path}.lock`);
  expect(new KeysFile(path, new FakeClock()).current()).toEqual([first.entry]);
});
