import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { safeCause } from '../../../../src/core/model/errors.js';
import type { TokenStore } from '../../../../src/core/model/store.js';
import { FileFailure, fileFailure } from '../../../../src/stores/file/file-failure.js';
import { FileStore } from '../../../../src/stores/file/file-store.js';

const ROOT = '/srv/wechat-tokens';
const FILE = `${ROOT}/tmp/1-2`;
const ID = 'key/wx1/access_token';

const links = vi.hoisted(() => ({ code: undefined as string | undefined }));

vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>();
  return {
    ...real,
    link: async (from: string, to: string) => {
      if (links.code === undefined) return real.link(from, to);
      throw Object.assign(new Error('failed'), { code: links.code, syscall: 'link', path: from, dest: to });
    },
  };
});

function systemError(code: string, syscall: string, path?: string): Error {
  return Object.assign(new Error(`${code}: failed`), { code, syscall, ...(path === undefined ? {} : { path }) });
}

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'file-failure-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

describe('the failure of a file system', () => {
  test.each([
    [
      systemError('EACCES', 'mkdir', `${ROOT}/tmp`),
      `no permission for ${ROOT}/tmp (EACCES at mkdir): grant it to the user that this process runs as, or run all processes as its owner`,
    ],
    [
      systemError('EPERM', 'open', FILE),
      `no permission for ${FILE} (EPERM at open): grant it to the user that this process runs as, or run all processes as its owner`,
    ],
    [
      systemError('EPERM', 'link', FILE),
      `the volume of ${ROOT} has no hard links (EPERM at link): move the store to one that has them, unlike FAT, exFAT and some network mounts`,
    ],
    [
      systemError('ENOTSUP', 'link', FILE),
      `the volume of ${ROOT} has no hard links (ENOTSUP at link): move the store to one that has them, unlike FAT, exFAT and some network mounts`,
    ],
    [
      systemError('ENOSYS', 'link', FILE),
      `the volume of ${ROOT} has no hard links (ENOSYS at link): move the store to one that has them, unlike FAT, exFAT and some network mounts`,
    ],
    [
      systemError('ENOSPC', 'write'),
      `no space is left on the volume of ${ROOT} (ENOSPC at write): free space, or inodes, or move the store to another volume`,
    ],
    [
      systemError('EROFS', 'open', FILE),
      `${FILE} is on a volume that is mounted read-only (EROFS at open): mount it for writing, or move the store`,
    ],
    [systemError('ESTALE', 'read'), `the file system refused ${ROOT} (ESTALE at read)`],
    [systemError('EISDIR', 'open', `${ROOT}/a\nb`), `the file system refused ${ROOT}/a b (EISDIR at open)`],
  ])('a failure names code, path and remedy: %s', (error, message) => {
    const failure = fileFailure(error, ROOT);
    expect(failure).toBeInstanceOf(FileFailure);
    expect(failure).toMatchObject({ message, code: (error as NodeJS.ErrnoException).code });
    expect(safeCause(failure)).toBe(failure);
    expect(fileFailure(failure, ROOT)).toBe(failure);
  });

  test('an error of another realm becomes a failure as well', () => {
    const error = runInNewContext("Object.assign(new Error('no'), { code: 'EROFS', syscall: 'open' })");
    expect(fileFailure(error, ROOT)).toMatchObject({ name: 'FileFailure', code: 'EROFS' });
  });

  test.each([
    new Error('the store is closed'),
    Object.assign(new Error('no'), { code: 'ERR_FS_FILE_TOO_LARGE' }),
    Object.assign(new Error('no'), { code: 'EACCES' }),
    'EACCES',
    undefined,
  ])('an error that is no failure of a file system stays as it is: %s', (error) => {
    expect(fileFailure(error, ROOT)).toBe(error);
  });
});

const METHODS: readonly [string, (store: TokenStore) => Promise<unknown>][] = [
  ['now', (store) => store.now()],
  ['get', (store) => store.get([ID])],
  ['set', (store) => store.set(ID, {}, 0)],
  ['delete', (store) => store.delete(ID, 1)],
  ['list', (store) => store.list('key')[Symbol.asyncIterator]().next()],
  ['lease', (store) => store.lease(ID, 1_000)],
  ['watch', (store) => (store.watch as NonNullable<TokenStore['watch']>)(() => undefined)],
];

describe('FileStore', () => {
  test.each(METHODS)('FileStore explains what the file system refuses to %s', async (_, run) => {
    const file = join(await newDirectory(), 'file');
    await writeFile(file, '');
    const store = new FileStore(join(file, 'store'));
    await expect(run(store)).rejects.toMatchObject({
      name: 'FileFailure',
      code: 'ENOTDIR',
      message: expect.stringMatching(/^.*file\/store.* is below a file.* \(ENOTDIR at \w+\): remove the file/),
    });
    await store.close();
  });

  test('FileStore explains where nothing can be made, and does not retry for ever', async () => {
    const root = join(await newDirectory(), 'link');
    await symlink(join(root, '../nowhere/store'), root);
    for (const [place, text] of [
      ['/proc/store', /^\/proc\/store cannot be created \(ENOENT at mkdir\): move the store to a volume/],
      [root, /link is a file, not a directory \(EEXIST at mkdir\)/],
    ] as const) {
      const store = new FileStore(place);
      await expect(store.set(ID, {}, 0)).rejects.toMatchObject({
        name: 'FileFailure',
        message: expect.stringMatching(text),
      });
      await store.close();
    }
  });

  test('FileStore explains what the file system refuses to the release of a lease', async () => {
    const root = await newDirectory();
    const store = new FileStore(root);
    const lease = await store.lease(ID, 60_000);
    const names = await readdir(root, { recursive: true });
    const held = join(root, names.find((name) => name.includes('lease-')) ?? '');
    await rm(held);
    await mkdir(held);
    await expect(lease?.release()).rejects.toMatchObject({ name: 'FileFailure', code: 'EISDIR' });
    await store.close();
  });

  test.each(['EPERM', 'ENOTSUP', 'ENOSYS'])('FileStore reports that a volume has no hard links: %s', async (code) => {
    const root = await newDirectory();
    const store = new FileStore(root);
    links.code = code;
    onTestFinished(() => void (links.code = undefined));
    const refusal = {
      code,
      message: expect.stringContaining(`the volume of ${root} has no hard links (${code} at link)`),
    };
    await expect(store.set(ID, {}, 0)).rejects.toMatchObject(refusal);
    await expect(store.lease(ID, 1_000)).rejects.toMatchObject(refusal);
    await store.close();
  });
});
