import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { FileStore } from '../../src/index.js';
import { type FakeFault, FakeWeChat, type FakeWeChatOptions } from '../../src/testing/index.js';
import { Victim } from './victim.js';

const APPID = 'wx0123456789abcdef';
const USER = 'openid-1';

/** Runs a process that is stopped while it waits for an answer, which comes or does not, and another one that goes on. */
class Scene implements AsyncDisposable {
  readonly wechat: FakeWeChat;
  readonly stopped: Victim;
  readonly other: Victim;
  readonly #directory: string;

  private constructor(wechat: FakeWeChat, directory: string, stopped: Victim, other: Victim) {
    this.wechat = wechat;
    this.#directory = directory;
    this.stopped = stopped;
    this.other = other;
  }

  static async start(options: FakeWeChatOptions, fault: FakeFault): Promise<Scene> {
    const directory = mkdtempSync(join(tmpdir(), 'wechat-tokens-'));
    const wechat = await FakeWeChat.start(options);
    wechat.fail('*', fault, { times: 1 });
    const asked = wechat.nextCall();
    const stopped = await Victim.start(directory, wechat.origin, APPID);
    await stopped.register({ [USER]: wechat.authorizeUser(APPID, USER).refresh_token });
    await asked;
    stopped.signal('SIGSTOP');
    return new Scene(wechat, directory, stopped, await Victim.start(directory, wechat.origin, APPID));
  }

  /** Authorizes the user again, and registers that with the other process. */
  async authorizeAgain(): Promise<void> {
    await this.other.register({ [USER]: this.wechat.authorizeUser(APPID, USER).refresh_token });
  }

  /** Returns the first token of a process that WeChat accepts, and checks that it requested no reauthorization. */
  async goodTokenOf(victim: Victim, { expect }: { expect: typeof import('vitest').expect }): Promise<string> {
    const isGood = (value: string | undefined): boolean => this.wechat.isValid(String(value));
    const refreshed = await victim.seen(({ event, value }) => event === 'refreshed' && isGood(value));
    expect(victim.events.filter(({ event }) => event === 'reauthorizationRequired')).toEqual([]);
    return String(refreshed.value);
  }

  async stored(): Promise<{ readonly value: string; readonly refreshToken: string }> {
    const store = new FileStore(this.#directory);
    const [document] = await store.get([`key/${APPID}/oauth2_access_token/${USER}`]);
    await store.close();
    if (document === undefined) throw new Error('nothing is stored');
    const { grant, rotation } = document.data as unknown as { grant: { value: string }; rotation: { token: string } };
    return { value: grant.value, refreshToken: rotation.token };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.stopped.kill(), this.other.kill()]);
    await this.wechat.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

test.concurrent('I3: a process that was stopped with an answer stores it when it resumes within a lease time', async (context) => {
  await using scene = await Scene.start({ refreshTokens: 'single-use' }, { delayMs: 500 });
  const { wechat, stopped, other } = scene;
  await other.register({});
  // The lease of a live process is respected for its 20 s; then the other one sends the stored refresh token, and is refused.
  await wechat.nextCall();
  stopped.signal('SIGCONT');
  const value = await scene.goodTokenOf(stopped, context);
  context.expect(await scene.goodTokenOf(other, context)).toBe(value);
  context.expect(wechat.countCalls()).toBe(2);
});

test.concurrent('I3: a process that was stopped with an old answer does not overwrite the results of later ones', async (context) => {
  await using scene = await Scene.start({ refreshTokens: { graceSeconds: 60 }, lifeSeconds: 5 }, { delayMs: 500 });
  const { wechat, stopped, other } = scene;
  await other.register({});
  for (let times = 0; times < 3; times++) await wechat.nextCall();
  const { refreshToken } = await scene.stored();
  stopped.signal('SIGCONT');
  await scene.goodTokenOf(stopped, context);
  const calls = wechat.countCalls();
  await context.expect.poll(() => wechat.countCalls(), { timeout: 20_000 }).toBeGreaterThan(calls);
  const isGood = async (): Promise<boolean> => wechat.isValid((await scene.stored()).value);
  await context.expect.poll(isGood, { timeout: 5_000 }).toBe(true);
  context.expect((await scene.stored()).refreshToken).not.toBe(refreshToken);
  context.expect(wechat.isValid((await scene.stored()).refreshToken)).toBe(true);
});

test.concurrent('I3: a process that was stopped with an answer does not overwrite a later authorization', async (context) => {
  await using scene = await Scene.start({ refreshTokens: 'single-use' }, { delayMs: 500 });
  const { wechat, stopped, other } = scene;
  await scene.authorizeAgain();
  const value = await scene.goodTokenOf(other, context);
  const before = await scene.stored();
  stopped.signal('SIGCONT');
  context.expect(await scene.goodTokenOf(stopped, context)).toBe(value);
  context.expect(await scene.stored()).toEqual(before);
  context.expect(wechat.isValid(before.refreshToken)).toBe(true);
  context.expect([wechat.countCalls(), wechat.replays]).toEqual([2, 0]);
});

test.concurrent('I3: a process that was stopped before WeChat answered takes what another got with the same refresh token', async (context) => {
  await using scene = await Scene.start({ refreshTokens: 'single-use' }, 'hang');
  const { wechat, stopped, other } = scene;
  await other.register({});
  const value = await scene.goodTokenOf(other, context);
  const before = await scene.stored();
  stopped.signal('SIGCONT');
  context.expect(await scene.goodTokenOf(stopped, context)).toBe(value);
  context.expect(await scene.stored()).toEqual(before);
  context.expect([wechat.countCalls(), wechat.replays]).toEqual([2, 0]);
});
