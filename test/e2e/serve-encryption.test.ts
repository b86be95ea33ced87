import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeWeChat } from '../../src/testing/index.js';
import { ServeWorld } from '../support/servers/serve-process.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'the-secret-of-the-app';
const [OLD, NEW] = ['1'.repeat(64), '2'.repeat(64)];
const PAGE = fileURLToPath(new URL('../../docs/operations.md', import.meta.url));

let wechat: FakeWeChat;
let world: ServeWorld;
let args: string[];

beforeEach(async () => {
  wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
  world = await ServeWorld.create();
  args = ['--wechat-origin', wechat.origin, '--encryption-key-file', world.path('encryption-key')];
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await wechat.close();
});

test('a store is converted as the page says, and served with its key from then on', async () => {
  const plain = await world.start(['--wechat-origin', wechat.origin]);
  await plain.register(APPID, SECRET);
  const before = await plain.task(APPID);
  await plain.stop();
  await writeFile(world.path('encryption-key'), `${OLD}\n`);

  const page = await readFile(PAGE, 'utf8');
  const program = /node --input-type=module -e "\n(.*?)"\n```/s.exec(page)?.[1] ?? '';
  const here = program
    .replaceAll('/etc/wechat-tokens', world.directory)
    .replaceAll('/var/lib/wechat-tokens', world.store);
  const converted = spawnSync(process.execPath, ['--input-type=module', '-e', here], {
    cwd: world.path('app'),
    encoding: 'utf8',
  });
  expect(converted).toMatchObject({ status: 0, stdout: 'documents that could not be read: 0\n', stderr: '' });

  const encrypted = await world.start(args);
  expect(await encrypted.task(APPID)).toEqual(before);
  expect(wechat.countCalls()).toBe(1);
});

test('a key is changed by reloads alone, until the old one is no longer needed', async () => {
  const keys = (...lines: string[]): Promise<void> => writeFile(world.path('encryption-key'), lines.join('\n'));
  await keys(OLD);
  const server = await world.start(args);
  await server.register(APPID, SECRET);
  const before = await server.task(APPID);

  const steps = [[OLD, NEW], [NEW, OLD], [NEW, OLD], [NEW]];
  for (const [index, lines] of steps.entries()) {
    await keys(...lines);
    server.signal('SIGHUP');
    await server.seen('reloaded', index + 1);
    if (lines.length > 1) expect(await server.seen('reencrypted', index + 1)).toMatchObject({ unread: 0 });
    expect(await server.task(APPID)).toEqual(before);
  }
  expect(wechat.countCalls()).toBe(1);
  expect(await server.stop()).toBe(0);
});
