import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandResult, runCommand } from '../../../support/servers/command-line.js';

const NOW = expect.any(Number);
const TODAY = /made \d{4}-\d\d-\d\d/g;
const KEY_LINE = /^wtm_[a-z0-9]{8}_[\w-]{43}\n$/;

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wechat-keys-'));
  path = join(directory, 'keys.json');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function keys(...words: readonly string[]): Promise<CommandResult> {
  return runCommand(['keys', ...words], { env: { WECHAT_TOKENS_KEYS: path } });
}

function entries(): { id: string; hash: string }[] {
  return JSON.parse(readFileSync(path, 'utf8')).keys;
}

describe('keys add', () => {
  it('keys add prints the key once and stores its hash', async () => {
    const { code, out, err } = await keys('add');
    expect(code).toBe(0);
    expect(out).toMatch(KEY_LINE);
    expect(err.split('\n')[0]).toBe(`added to ${path}, which stores only its hash: it cannot be shown again`);
    const key = out.trim();
    expect(entries()).toEqual([
      { id: key.slice(4, 12), hash: createHash('sha256').update(key).digest('hex'), scopes: ['read'], createdAt: NOW },
    ]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  // Only root may make files for others.
  it.skipIf(process.getuid?.() !== 0).each([
    { of: 'its owner alone', access: 0o700, mode: 0o600, says: 'the user 65534, who alone can read it' },
    { of: 'its group', access: 0o750, mode: 0o640, says: 'the user 65534 and the group 65533, which can read it' },
    { of: 'every user', access: 0o755, mode: 0o644, says: 'every user can read it' },
    { of: 'every user outside its group', access: 0o701, mode: 0o604, says: 'every user can read it' },
  ])('keys add as root gives a new file to those with access to its directory: $of', async ({ access, mode, says }) => {
    chownSync(directory, 65_534, 65_533);
    chmodSync(directory, access);
    const { err } = await keys('add');
    expect(statSync(path)).toMatchObject({ uid: 65_534, gid: 65_533 });
    expect(statSync(path).mode & 0o777).toBe(mode);
    expect(err).toContain(says);
    expect((await keys('add')).err).not.toContain('can read it');
    expect(statSync(path)).toMatchObject({ uid: 65_534, gid: 65_533 });
  });

  it('keys add keeps the mode of a file that exists', async () => {
    await keys('add');
    chmodSync(path, 0o640);
    await keys('add');
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  it.each([
    ['read,refresh,register', '"read,refresh,register"; for several, give --scope several times'],
    ['write', '"write"'],
  ])('keys add refuses the scope %s with an explanation', async (scope, got) => {
    const { code, err } = await keys('add', '--scope', scope);
    expect({ code, err }).toEqual({
      code: 2,
      err: `wechat-token-manager: --scope must be one of read, refresh, register, call, got ${got}\n`,
    });
    expect(existsSync(path)).toBe(false);
  });

  it('keys add in a directory that does not exist, or is none, explains what to make', async () => {
    writeFileSync(join(directory, 'file'), '');
    for (const name of ['none', 'file']) {
      path = join(directory, name, 'keys.json');
      expect(await keys('add')).toEqual({
        code: 2,
        out: '',
        err: `wechat-token-manager: WECHAT_TOKENS_KEYS: ${join(directory, name)} is not a directory: create it first\n`,
      });
    }
  });

  it('keys add explains what the system refuses', async () => {
    symlinkSync('loop', join(directory, 'loop'));
    path = join(directory, 'loop');
    const { code, err } = await keys('add');
    expect(code).toBe(1);
    expect(err).toContain('ELOOP');
    path = join(directory, 'x'.repeat(254));
    expect(await keys('add')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/cannot be changed: ENAMETOOLONG, its name/),
    });
  });

  it('keys add stores the scopes, apps, rate and note of the key', async () => {
    const words = '--scope read --scope refresh --scope read --appid wx1 --appid wx2 --per-second 0.5 --note shop';
    await keys('add', ...words.split(' '));
    expect(entries()).toEqual([
      expect.objectContaining({ scopes: ['read', 'refresh'], appids: ['wx1', 'wx2'], perSecond: 0.5, note: 'shop' }),
    ]);
  });

  it.each([
    ['90d', 90 * 86_400_000],
    ['12h', 12 * 3_600_000],
    ['45s', 45_000],
  ])('keys add makes a key that is valid for %s', async (words, ms) => {
    await keys('add', '--expires', words);
    const [entry] = entries() as unknown as { createdAt: number; expiresAt: number }[];
    expect(Math.abs((entry?.expiresAt ?? 0) - (entry?.createdAt ?? 0) - ms)).toBeLessThan(1_000);
    expect((await keys('list')).out).toContain(
      `  expires ${new Date(entry?.expiresAt ?? 0).toISOString().slice(0, 10)}\n`,
    );
  });

  it('keys list shows that a key has expired', async () => {
    await keys('add');
    const [entry] = entries();
    writeFileSync(path, JSON.stringify({ keys: [{ ...entry, createdAt: 0, expiresAt: 86_400_000 }] }));
    expect((await keys('list')).out).toContain('  made 1970-01-01  expired 1970-01-02\n');
  });

  it('keys list shows the paths of a key', async () => {
    await keys('add', '--scope', 'call', '--path', '/cgi-bin/message/', '--path', '/cgi-bin/user');
    expect((await keys('list')).out).toContain('  call  all apps  /cgi-bin/message,/cgi-bin/user  ');
  });

  it('keys add --json answers without the hash', async () => {
    const { out, err } = await keys('add', '--json', '--note', 'shop');
    const answer = JSON.parse(out);
    expect(answer).toEqual({
      key: answer.key,
      id: answer.key.slice(4, 12),
      scopes: ['read'],
      note: 'shop',
      createdAt: NOW,
    });
    expect(err).toBe('');
  });

  it.each([
    ['--scope write', '--scope must be one of read, refresh, register, call, got "write"'],
    ['--appid a/b', 'appids[0]: an appid must be 1 to 64 characters'],
    ['--path /cgi-bin/message', '--path requires the scope call'],
    ['--scope call --path cgi-bin', '--path[0]: a path must be like /cgi-bin/message'],
    ['--per-second 0', '--per-second must be a number from 0.01 to 1000000, got "0"'],
    ['--expires soon', '--expires must be a duration like 90d, 12h, 30m or 45s, got "soon"'],
    ['--expires 0d', '--expires must be a duration like 90d, 12h, 30m or 45s, got "0d"'],
    ['--per-second fast', '--per-second must be a number from 0.01 to 1000000, got "fast"'],
    ['--keys wtm_abcdefgh_0123456789012345678901234567890123456789012', '--keys must be the path of a file'],
    ['read', 'keys add takes nothing, got 1 arguments'],
  ])('keys add does not accept %s', async (words, message) => {
    const { code, out, err } = await keys('add', ...words.split(' '));
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
    expect(existsSync(path)).toBe(false);
  });

  it('keys add requires a file', async () => {
    const { code, err } = await runCommand(['keys', 'add']);
    expect({ code, err }).toEqual({
      code: 2,
      err: 'wechat-token-manager: name the file of keys with --keys\n',
    });
  });

  it('keys add leaves a file alone that contains no keys', async () => {
    writeFileSync(path, 'a poem');
    const { code, err } = await keys('add');
    expect({ code, err }).toEqual({ code: 1, err: `wechat-token-manager: ${path} is not JSON\n` });
    expect(readFileSync(path, 'utf8')).toBe('a poem');
  });
});

describe('keys list', () => {
  it('keys list shows the rights of keys, and no hash', async () => {
    const first = (await keys('add')).out.slice(4, 12);
    const second = (
      await keys('add', '--scope', 'refresh', '--appid', 'wx1', '--per-second', '5', '--note', 'a\nshop')
    ).out.slice(4, 12);
    const { code, out } = await keys('list');
    expect({ code, out: out.replace(TODAY, 'made today') }).toEqual({
      code: 0,
      out: `${first}  read  all apps  made today\n${second}  refresh  wx1  5 a second  made today  a shop\n`,
    });
    const lines = (await keys('list', '--json')).out.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { id: first, scopes: ['read'], createdAt: NOW },
      { id: second, scopes: ['refresh'], appids: ['wx1'], perSecond: 5, note: 'a\nshop', createdAt: NOW },
    ]);
  });

  it('keys list prints nothing for a file without keys', async () => {
    writeFileSync(path, '{"keys":[]}');
    expect(await keys('list')).toEqual({ code: 0, out: '', err: '' });
  });

  it('keys list names a file that does not exist', async () => {
    const { code, err } = await keys('list');
    expect(code).toBe(2);
    expect(err).toBe(`wechat-token-manager: WECHAT_TOKENS_KEYS: ${path} cannot be read: ENOENT, nothing is there\n`);
  });
});

describe('keys remove', () => {
  it('keys remove removes a key, by its id or by itself, and leaves everything else', async () => {
    writeFileSync(path, JSON.stringify({ comment: 'ours', keys: [] }), { mode: 0o640 });
    const added = [(await keys('add')).out.trim(), (await keys('add')).out.trim(), (await keys('add')).out.trim()];
    const ids = added.map((key) => key.slice(4, 12));
    expect(await keys('remove', ids[0] ?? '')).toEqual({ code: 0, out: `removed ${ids[0]}\n`, err: '' });
    expect((await keys('remove', added[1] ?? '', '--json')).out).toBe(`{"id":"${ids[1]}"}\n`);
    expect(JSON.parse(readFileSync(path, 'utf8')).comment).toBe('ours');
    expect(entries().map(({ id }) => id)).toEqual([ids[2]]);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(directory)).toEqual(['keys.json']);
  });

  it('keys remove replaces the file that a link leads to', async () => {
    const key = (await keys('add')).out.trim();
    const link = join(directory, 'link.json');
    symlinkSync(path, link);
    await keys('remove', key, '--keys', link);
    expect(entries()).toEqual([]);
  });

  it('keys remove names the known ids when there is no such key, and shows no key', async () => {
    const id = (await keys('add')).out.slice(4, 12);
    const stranger = 'wtm_abcdefgh_0123456789012345678901234567890123456789012';
    const { code, out, err } = await keys('remove', stranger);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toBe(`wechat-token-manager: ${path} has no key with this id, only ${id}\n`);
  });
});
