import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileStore, type StoredDocument } from '../../src/index.js';
import { FakeWeChat } from '../../src/testing/index.js';
import { DiskProcess } from './disk-process.js';
import { requireTools } from './require-tool.js';

const APPID = 'wx0123456789abcdef';
const USER = 'openid-1';
const TYPE = 'oauth2_access_token';
const KEY_ID = `key/${APPID}/${TYPE}/${USER}`;

/** The source of a library whose writes to files take at most seven bytes, as any system may do; others are unchanged. */
const SHORT_WRITES = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>
static size_t part(int fd, size_t count) {
  struct stat status;
  return count > 7 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? 7 : count;
}
ssize_t write(int fd, const void *from, size_t count) {
  ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
  return next(fd, from, part(fd, count));
}
ssize_t pwrite64(int fd, const void *from, size_t count, off_t at) {
  ssize_t (*next)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite64");
  return next(fd, from, part(fd, count), at);
}
`;

let wechat: FakeWeChat;
let home: string;
const running: DiskProcess[] = [];

beforeEach(async () => {
  wechat = await FakeWeChat.start({ lifeSeconds: 2, refreshTokens: 'single-use' });
  home = mkdtempSync(join(tmpdir(), 'wechat-disk-'));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process[Symbol.asyncDispose]()));
  await wechat.close();
  rmSync(home, { recursive: true, force: true });
});

test('no refresh token is spent while fsync fails, and refreshing resumes by itself', async (context) => {
  requireTools(context, { programs: ['strace'] });
  const keeper = startKeeper();
  const { value: before = '' } = await keeper.seen('refreshed');
  const refreshToken = (await stored())?.token ?? '';
  const callsBefore = wechat.countCalls();
  await keeper.startFault('fsync:error=EIO');
  await keeper.seen('storeUnavailable');
  await expect.poll(() => wechat.isValid(before), { timeout: 5_000 }).toBe(false);
  expect((await keeper.get(APPID, TYPE, USER)).code).toBe('STORE_UNAVAILABLE');
  expect(wechat.countCalls()).toBe(callsBefore);
  expect(wechat.isValid(refreshToken)).toBe(true);

  const refreshedBefore = keeper.count('refreshed');
  await keeper.endFault();
  const { value = '' } = await keeper.seen('refreshed', refreshedBefore + 1);
  expect(wechat.isValid(value)).toBe(true);
  expect(wechat.replays).toBe(0);
});

test('an answer that cannot be synced is stored once fsync works again', async (context) => {
  requireTools(context, { programs: ['strace'] });
  wechat.delayMs = 1_500;
  const asked = wechat.nextCall();
  const keeper = startKeeper();
  await asked;
  await keeper.startFault('fsync:error=EIO');
  await keeper.seen('storeUnavailable');
  expect((await keeper.get(APPID, TYPE, USER)).code).toBe('STORE_UNAVAILABLE');
  expect(await stored()).not.toHaveProperty('token');
  expect(wechat.countCalls()).toBe(1);

  wechat.delayMs = 0;
  await keeper.endFault();
  await keeper.seen('refreshed');
  expect((await stored())?.token).toBeTypeOf('string');
  await expect.poll(() => wechat.countCalls(), { timeout: 10_000 }).toBeGreaterThan(1);
  expect(wechat.replays).toBe(0);
});

test('writes of a few bytes at a time never show a reader half a document', async (context) => {
  requireTools(context, { programs: ['cc'] });
  const source = join(home, 'short-writes.c');
  const library = join(home, 'short-writes.so');
  writeFileSync(source, SHORT_WRITES);
  execFileSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl']);
  startKeeper({ LD_PRELOAD: library });
  const ended = new AbortController();
  const reads = readUntil(ended.signal);
  await expect.poll(() => wechat.countCalls(), { timeout: 20_000 }).toBeGreaterThan(3);
  ended.abort();
  const seen = await reads;
  expect(seen.filter(({ data }) => data['checksum'] === undefined)).toEqual([]);
  expect(new Set(seen.map(({ version }) => version)).size).toBeGreaterThan(4);
  expect(wechat.replays).toBe(0);
});

function startKeeper(environment: NodeJS.ProcessEnv = {}): DiskProcess {
  const params = { refresh_token: wechat.authorizeUser(APPID, USER).refresh_token };
  const registration = { appid: APPID, secret: 'secret', tasks: [{ type: TYPE, subject: USER, params }] } as const;
  const keeper = new DiskProcess(directory(), wechat.origin, registration, environment);
  running.push(keeper);
  return keeper;
}

function directory(): string {
  return join(home, 'tokens');
}

/** Returns the stored state of the refresh token. */
async function stored(): Promise<{ readonly token?: string } | undefined> {
  const store = new FileStore(directory());
  const [document] = await store.get([KEY_ID]);
  await store.close();
  return document?.data['rotation'] as { readonly token?: string } | undefined;
}

/** Reads repeatedly until it is aborted, and returns every document that it saw. */
async function readUntil(ended: AbortSignal): Promise<StoredDocument[]> {
  const store = new FileStore(directory());
  const seen: StoredDocument[] = [];
  while (!ended.aborted) {
    const documents = await store.get([KEY_ID, `task/${APPID}/${TYPE}/${USER}`, `app/${APPID}`]);
    seen.push(...documents.filter((document) => document !== undefined));
  }
  await store.close();
  return seen;
}
