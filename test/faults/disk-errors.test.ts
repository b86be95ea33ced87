import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileStore, TokenManager } from '../../src/index.js';
import { FakeWeChat } from '../../src/testing/index.js';
import { Worker, type WorkerEvent } from '../support/worker.js';
import { requireTools } from './require-tool.js';

const APPID = 'wx0123456789abcdef';
const USER = 'openid-1';
const TYPE = 'oauth2_access_token';
const KEY_ID = `key/${APPID}/${TYPE}/${USER}`;
const RECOVERY_MS = 10_000;

/** Makes every write to a file take at most seven bytes, which a system may always do; sockets and pipes are spared. */
const SHORT_WRITES = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>
static size_t some(int fd, size_t count) {
  struct stat status;
  return count > 7 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? 7 : count;
}
ssize_t write(int fd, const void *from, size_t count) {
  ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
  return next(fd, from, some(fd, count));
}
ssize_t pwrite64(int fd, const void *from, size_t count, off_t at) {
  ssize_t (*next)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite64");
  return next(fd, from, some(fd, count), at);
}
`;

let wechat: FakeWeChat;
let directory: string;
const workers: Worker[] = [];
const tracers: ChildProcess[] = [];

beforeEach(async () => {
  wechat = await FakeWeChat.start({ lifeSeconds: 2, refreshTokens: 'single-use' });
  directory = mkdtempSync(join(tmpdir(), 'wechat-disk-'));
});

afterEach(async () => {
  await Promise.all(tracers.splice(0).map(detach));
  await Promise.all(workers.splice(0).map((worker) => worker.kill()));
  await wechat.close();
  rmSync(directory, { recursive: true, force: true });
});

test('while fsync fails no refresh token is sent, and afterwards it goes on by itself', async (context) => {
  requireTools(context, { programs: ['strace'] });
  const worker = await startWorker();
  const before = await keepUser(worker);
  const refreshToken = await storedRefreshToken();
  const callsBefore = wechat.countCalls();
  const tracer = await inject(worker, 'fsync:error=EIO');
  await expect.poll(() => wechat.isValid(before), { timeout: 5_000 }).toBe(false);
  const failed = await worker.run('get', { appid: APPID, type: TYPE }).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(Error);
  expect(wechat.countCalls()).toBe(callsBefore);
  expect(wechat.isValid(refreshToken)).toBe(true);

  await detach(tracer);
  const { value } = await worker.seen(isAnotherThan(before));
  expect(wechat.isValid(value as string)).toBe(true);
  expect(wechat.isValid(await storedRefreshToken())).toBe(true);
  expect(wechat.replays).toBe(0);
});

test('an answer that cannot be synced is stored once it can be', async (context) => {
  requireTools(context, { programs: ['strace'] });
  wechat.delayMs = 1_500;
  const worker = await startWorker();
  const asked = wechat.nextCall();
  const kept = keepUser(worker);
  await asked;
  const tracer = await inject(worker, 'fsync:error=EIO');
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(worker.events).toEqual([]);
  await detach(tracer);
  await kept;
  expect(wechat.countCalls()).toBe(1);
  expect(wechat.isValid(await storedRefreshToken())).toBe(true);
});

test('writes that take a few bytes at a time leave no torn document for a reader', async (context) => {
  requireTools(context, { programs: ['cc'] });
  const source = join(directory, 'short-writes.c');
  const library = join(directory, 'short-writes.so');
  writeFileSync(source, SHORT_WRITES);
  execFileSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl']);
  const worker = await startWorker({ LD_PRELOAD: library });
  const store = new FileStore(storeDirectory());
  let isDone = false;
  const reading = (async () => {
    let reads = 0;
    for (; !isDone; reads++) {
      for (const document of await store.get([KEY_ID, `app/${APPID}`])) expect(document?.data).not.toHaveProperty('damaged');
    }
    return reads;
  })();
  await keepUser(worker);
  for (let refreshed = 1; refreshed <= 3; refreshed++) {
    await worker.seen(({ value }) => value !== undefined && worker.events.length > refreshed);
  }
  isDone = true;
  expect(await reading).toBeGreaterThan(100);
  await store.close();
  expect(wechat.replays).toBe(0);
});
