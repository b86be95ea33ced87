import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as passes } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { FakeWeChat, type FakeWeChatOptions } from '../../src/testing/index.js';
import { Worker } from '../support/servers/worker.js';

const APPID = 'wx0123456789abcdef';
const KEY = { appid: APPID, type: 'access_token' };
const REGISTRATION = { appid: APPID, secret: 'secret', accessToken: 'plain', tasks: ['access_token'] };

/** Provides an empty directory, a WeChat, and processes that share the directory. */
class Processes implements AsyncDisposable {
  readonly wechat: FakeWeChat;
  readonly directory: string;
  readonly #workers: Worker[] = [];

  private constructor(wechat: FakeWeChat, directory: string) {
    this.wechat = wechat;
    this.directory = directory;
  }

  static async create(options?: FakeWeChatOptions): Promise<Processes> {
    return new Processes(await FakeWeChat.start(options), await mkdtemp(join(tmpdir(), 'wechat-tokens-')));
  }

  async start(count: number): Promise<Worker[]> {
    const { directory, wechat } = this;
    const started = await Promise.all(Array.from({ length: count }, () => Worker.start(directory, wechat.origin)));
    this.#workers.push(...started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.kill()));
    await this.wechat.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

test('I2: twelve processes that start at once on an empty directory make one fetch', async () => {
  await using processes = await Processes.create();
  const { wechat } = processes;
  const fleet = await processes.start(12);
  await Promise.all(fleet.map((worker) => worker.run('register', REGISTRATION)));
  const values = await Promise.all(fleet.map((worker) => worker.run('get', KEY)));
  expect(new Set(values).size).toBe(1);
  expect(wechat.countCalls()).toBe(1);
});

test('a forced refresh in one process is served and announced in the others within 6 s', async () => {
  await using processes = await Processes.create();
  const { wechat } = processes;
  const fleet = await processes.start(3);
  const [first] = fleet as [Worker];
  await first.run('register', REGISTRATION);
  await Promise.all(fleet.map((worker) => worker.run('get', KEY)));
  const forcedAt = performance.now();
  const value = await first.run('force', KEY);
  await Promise.all(fleet.map((worker) => worker.seen((event) => event.value === value)));
  expect(performance.now() - forcedAt).toBeLessThan(6_000);
  for (const worker of fleet) expect(await worker.run('get', KEY)).toBe(value);
  expect(wechat.countCalls()).toBe(2);
});

test('I2: a holder killed during its request is replaced at once, with at most two fetches', async () => {
  await using processes = await Processes.create();
  const { wechat } = processes;
  const [first, second] = (await processes.start(2)) as [Worker, Worker];
  wechat.delayMs = 60_000;
  const asked = wechat.nextCall();
  await first.run('register', REGISTRATION);
  await asked;
  await first.kill('SIGKILL');
  wechat.delayMs = 0;
  expect(wechat.isValid(await second.run('get', KEY))).toBe(true);
  expect(wechat.countCalls()).toBe(2);
});

test('I3: an acknowledged token survives kill -9, and a crash loop causes no call', async () => {
  await using processes = await Processes.create();
  const { wechat } = processes;
  const [first] = (await processes.start(1)) as [Worker];
  await first.run('register', REGISTRATION);
  const value = await first.run('get', KEY);
  await first.kill('SIGKILL');
  for (let crash = 0; crash < 5; crash++) {
    const [next] = (await processes.start(1)) as [Worker];
    expect(await next.run('get', KEY)).toBe(value);
    await next.kill('SIGKILL');
  }
  expect(wechat.countCalls()).toBe(1);
});

test('I7: a process ends by itself, whether its manager is closed or not', async () => {
  await using processes = await Processes.create();
  const { directory, wechat } = processes;
  const script = `
    import { FileStore, TokenManager } from 'wechat-token-manager';
    const tokens = new TokenManager({ store: new FileStore(process.argv[1]), wechat: { origins: [process.argv[2]] } });
    await tokens.register({ appid: 'wx1', secret: 'secret', tasks: ['access_token'] });
    process.stdout.write(String((await tokens.get('wx1', 'access_token')).length > 10));
    if (process.argv[3] === 'close') await tokens.close();`;
  const run = promisify(execFile);
  for (const how of ['close', 'leave']) {
    const argv = ['--input-type=module', '-e', script, directory, wechat.origin, how];
    const { stdout } = await run(process.execPath, argv, { timeout: 15_000 });
    expect(stdout).toBe('true');
  }
  expect(wechat.countCalls()).toBe(1);
});

// These two wait for leases and tokens to expire, beside each other.
test.concurrent('I4: a holder that was stopped past its lease loses to the one that took over', async ({ expect }) => {
  await using processes = await Processes.create();
  const { wechat } = processes;
  const [first, second] = (await processes.start(2)) as [Worker, Worker];
  wechat.delayMs = 500;
  const asked = wechat.nextCall();
  await first.run('register', REGISTRATION);
  await asked;
  first.process.kill('SIGSTOP');
  const value = await second.run('get', KEY);
  first.process.kill('SIGCONT');
  expect(await first.run('get', KEY)).toBe(value);
  expect(wechat.isValid(value)).toBe(true);
  expect(await second.run('get', KEY)).toBe(value);
  expect(wechat.countCalls()).toBeLessThanOrEqual(2);
});

test.concurrent('processes with short-lived tokens never get an invalid one, at one fetch per key and cycle', async ({
  expect,
}) => {
  const lifeSeconds = 4;
  await using processes = await Processes.create({ lifeSeconds, overlapSeconds: 1 });
  const { wechat } = processes;
  const fleet = await processes.start(4);
  const appids = ['wx-a', 'wx-b', 'wx-c'];
  const startedAt = performance.now();
  for (const appid of appids) await fleet[0]?.run('register', { ...REGISTRATION, appid });
  let invalid = 0;
  const until = performance.now() + 12_000;
  const read = async (worker: Worker): Promise<void> => {
    while (performance.now() < until) {
      for (const appid of appids) if (!wechat.isValid(await worker.run('get', { ...KEY, appid }))) invalid++;
      await passes(50);
    }
  };
  await Promise.all(fleet.map(read));
  const cycles = Math.ceil((performance.now() - startedAt) / 1_000 / (lifeSeconds * 0.6));
  expect(invalid).toBe(0);
  expect(wechat.countCalls()).toBeLessThanOrEqual(appids.length * (cycles + 1));
});
