import { readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { request, Agent as UndiciAgent } from 'undici';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeWeChat } from '../../src/testing/index.js';
import { type ServeProcess, ServeWorld } from '../support/servers/serve-process.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'the-secret-of-the-app';

let wechat: FakeWeChat;
let world: ServeWorld;

beforeEach(async () => {
  wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
  world = await ServeWorld.create();
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await wechat.close();
});

const serve = (...args: string[]): Promise<ServeProcess> => world.start(['--wechat-origin', wechat.origin, ...args]);

/** Runs clients of several kinds that request a token again and again, and counts the outcomes. */
class Hammer {
  readonly outcomes = new Map<string, number>();
  readonly #url: string;
  readonly #keepAlive = new Agent({ keepAlive: true, maxSockets: 3 });
  readonly #undici = new UndiciAgent({ connections: 3 });
  readonly #loops: Promise<void>[];
  #isOver = false;

  constructor(url: string) {
    this.#url = url;
    const kinds = [
      () => this.#plain(this.#keepAlive),
      () => this.#plain(new Agent({ keepAlive: false })),
      () => this.#byUndici(),
    ];
    this.#loops = [...kinds, ...kinds].map((ask) => this.#loop(ask));
  }

  /** Lets the clients finish their requests, and ends them. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    this.#keepAlive.destroy();
    await this.#undici.close();
  }

  async #loop(ask: () => Promise<string>): Promise<void> {
    while (!this.#isOver) {
      const outcome = await ask().catch((error: NodeJS.ErrnoException) => String(error.code));
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    }
  }

  #plain(agent: Agent): Promise<string> {
    return new Promise((resolve, reject) => {
      const asked = get(this.#url, { agent }, async (response) => {
        try {
          const chunks = await response.toArray();
          resolve(outcomeOf(Buffer.concat(chunks).toString()));
        } catch (error) {
          reject(error);
        }
      });
      asked.once('error', reject);
    });
  }

  async #byUndici(): Promise<string> {
    const { body } = await request(this.#url, { dispatcher: this.#undici });
    return outcomeOf(await body.text());
  }
}

function outcomeOf(text: string): string {
  const { code, result } = JSON.parse(text);
  return typeof result === 'string' && result !== '' ? `code ${code}` : text;
}

async function served(): Promise<ServeProcess> {
  const server = await serve();
  await server.register(APPID, SECRET);
  await server.task(APPID);
  return server;
}

/** Returns whether the process runs; one that has ended and is not yet reaped does not. */
async function isAlive(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return text !== '' && !/\) [ZX] /.test(text);
}

describe('a reload', () => {
  test('a reload replaces the process, and no client has a request refused or lost', async () => {
    const server = await served();
    const hammer = new Hammer(`${server.url}/task/${APPID}/0`);
    const pids = new Set([server.workerPid]);
    for (const nth of [1, 2, 3]) {
      server.signal('SIGHUP');
      await server.seen('reloaded', nth);
      pids.add(server.workerPid);
    }
    await hammer.stop();
    expect([...hammer.outcomes.keys()]).toEqual(['code 200']);
    expect(hammer.outcomes.get('code 200')).toBeGreaterThan(100);
    expect(pids.size).toBe(4);
    expect(wechat.countCalls()).toBe(1);
    expect(await server.stop()).toBe(0);
    expect(await Promise.all([...pids].map(isAlive))).toEqual([false, false, false, false]);
  });

  test('a reload of broken code leaves the old process in place, and succeeds once it is mended', async () => {
    const server = await served();
    const pid = server.workerPid;
    const code = await readFile(world.script);
    await writeFile(world.script, 'throw new Error("broken");');
    server.signal('SIGHUP');
    expect(await server.seen('reloadFailed')).toMatchObject({
      level: 'error',
      error: 'the server process ended with exit code 1',
      pid,
    });
    expect(await server.task(APPID)).toMatchObject({ code: 200 });

    await writeFile(world.script, code);
    server.signal('SIGHUP');
    await server.seen('reloaded');
    expect(server.workerPid).not.toBe(pid);
    expect(await server.task(APPID)).toMatchObject({ code: 200 });
  });

  test('a reload without a file that an option names is logged with the reason', async () => {
    const keys = world.path('keys.json');
    await writeFile(keys, '{"keys":[]}');
    const server = await serve('--keys', keys);
    await rm(keys);
    server.signal('SIGHUP');
    const { error } = await server.seen('reloadFailed');
    expect(error).toMatch(/^--keys: .*keys\.json cannot be read: ENOENT, nothing is there$/);
    await writeFile(keys, '{"keys":[]}');
    server.signal('SIGHUP');
    await server.seen('reloaded');
    expect(server.errors).toBe('');
  });

  test('a reload of a broken file leaves the old process in place', async () => {
    const secrets = world.path('secrets');
    await writeFile(secrets, `whsec_${Buffer.alloc(32, 1).toString('base64')}\n`);
    const server = await serve('--notify-secret-file', secrets);
    const pid = server.workerPid;
    await writeFile(secrets, 'CANARY\n');
    server.signal('SIGHUP');
    const { error } = await server.seen('reloadFailed');
    expect(error).toMatch(/^--notify-secret-file: secret must be/);
    expect(error).not.toContain('CANARY');
    expect(await isAlive(pid)).toBe(true);
    expect(await server.stop()).toBe(0);
  });

  test('a reload that is requested during another follows it', async () => {
    const server = await serve();
    const first = server.workerPid;
    server.signal('SIGHUP');
    await server.seen('reloading');
    server.signal('SIGHUP');
    const { pid: second } = await server.seen('reloaded', 1);
    const { pid: third } = await server.seen('reloaded', 2);
    expect(new Set([first, second, third]).size).toBe(3);
    const messages = server.log.map(({ message }) => message);
    expect(messages).toEqual(['started', 'reloading', 'reloaded', 'reloading', 'reloaded']);
    expect(await server.stop()).toBe(0);
    expect(await Promise.all([first, second as number, third as number].map(isAlive))).toEqual([false, false, false]);
  });
});

describe('a process that is killed', () => {
  test('a killed process is replaced, and clients that connect meanwhile are answered by the next one', async () => {
    const server = await served();
    const pid = server.workerPid;
    process.kill(pid, 'SIGKILL');
    await server.seen('workerEnded');
    expect(await server.task(APPID)).toMatchObject({ code: 200 });
    await server.seen('workerReplaced');
    expect(server.workerPid).not.toBe(pid);
    expect(wechat.countCalls()).toBe(1);
  });

  test('a killed process costs clients only the requests under way; none is refused or left waiting', async () => {
    const server = await served();
    const hammer = new Hammer(`${server.url}/task/${APPID}/0`);
    for (const nth of [1, 2, 3]) {
      process.kill(server.workerPid, 'SIGKILL');
      await server.seen('workerReplaced', nth);
    }
    await hammer.stop();
    const { 'code 200': good = 0, ...others } = Object.fromEntries(hammer.outcomes);
    expect(good).toBeGreaterThan(0);
    expect(Object.keys(others).filter((code) => !['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(code))).toEqual([]);
  });

  test('a killed listening process leaves no other process behind', async () => {
    const server = await serve();
    const pid = server.workerPid;
    wechat.delayMs = 500;
    const asked = wechat.nextCall();
    await server.register(APPID, SECRET);
    await asked;
    server.signal('SIGKILL');
    await server.exited;
    await expect.poll(() => isAlive(pid)).toBe(false);
    const next = await serve();
    expect(await next.task(APPID)).toMatchObject({ code: 200 });
    expect(wechat.countCalls()).toBe(1);
  });
});

describe('a process that hangs', () => {
  test('a process that hangs is replaced, and callers are answered again', async () => {
    const server = await served();
    const token = await server.task(APPID);
    const pid = server.workerPid;
    process.kill(pid, 'SIGSTOP');
    const { silentMs } = await server.seen('workerHung');
    expect(silentMs).toBeGreaterThanOrEqual(12_000);
    await server.seen('workerReplaced');
    expect(await isAlive(pid)).toBe(false);
    expect(server.workerPid).not.toBe(pid);
    expect(await server.task(APPID)).toEqual(token);
    expect(await server.stop()).toBe(0);
  });
});

describe('two servers on one store', () => {
  test('two servers ask WeChat once for each token, also while one takes over from the other', async () => {
    const old = await serve();
    await old.register(APPID, SECRET, [0, 1]);
    await old.task(APPID, 1);
    const next = await serve();
    const [before, after] = await Promise.all([old.task(APPID), next.task(APPID)]);
    expect(before).toEqual(after);
    expect(await next.task(APPID, 1)).toEqual(await old.task(APPID, 1));
    expect(await old.stop()).toBe(0);
    expect(await next.task(APPID)).toEqual(before);
    expect(wechat.countCalls('/cgi-bin/stable_token')).toBe(1);
    expect(wechat.countCalls('/cgi-bin/ticket/getticket')).toBe(1);
  });
});
