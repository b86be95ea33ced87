import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as passes } from 'node:timers/promises';
import { describe, type TestContext, test } from 'vitest';
import { FileStore, type Registration } from '../../src/index.js';
import { FakeWeChat } from '../../src/testing/index.js';
import { type ClockEvent, ClockProcess } from './clock-process.js';
import { OwnClock } from './own-clock.js';
import { requireTools } from './require-tool.js';

const APPID = 'wx0123456789abcdef';
const USER = 'openid-1';
const TYPE = 'oauth2_access_token';
const PATHS = ['/cgi-bin/stable_token', '/sns/oauth2/refresh_token'];
const SHORT_LIFE_SECONDS = 4;
const LONG_LIFE_SECONDS = 7_200;
const DAY_MS = 86_400_000;
const RECOVERY_MS = 30_000;
/** The most calls for one key. A process notices the jump within a twentieth of a short life, after a few calls. */
const MOST_CALLS = { ofALife: 3, ofAJump: 12 };

/** Keeps a user's tokens in a directory, and runs processes that hand them out. */
class Scene implements AsyncDisposable {
  readonly wechat: FakeWeChat;
  /** Every event except a token that WeChat would have accepted at that moment. */
  readonly trouble: ClockEvent[] = [];
  readonly #registration: Registration;
  readonly #home: string = mkdtempSync(join(tmpdir(), 'wechat-clocks-'));
  readonly #processes: ClockProcess[] = [];

  private constructor(wechat: FakeWeChat) {
    this.wechat = wechat;
    const params = { refresh_token: wechat.authorizeUser(APPID, USER).refresh_token };
    const tasks = [{ type: 'access_token' }, { type: TYPE, subject: USER, params }] as const;
    this.#registration = { appid: APPID, secret: 'secret', tasks };
  }

  static async start(context: TestContext, lifeSeconds: number): Promise<Scene> {
    requireTools(context, OwnClock.TOOLS);
    return new Scene(await FakeWeChat.start({ lifeSeconds, refreshTokens: 'single-use' }));
  }

  /** Starts a process that uses this clock. */
  begin(clock?: OwnClock): ClockProcess {
    const environment = clock === undefined ? {} : clock.environment;
    const heard = (event: ClockEvent): void => {
      if (event.event !== 'served' || !this.wechat.isValid(String(event.value))) this.trouble.push(event);
    };
    const directory = this.#directory();
    const begun = new ClockProcess(directory, this.wechat.origin, this.#registration, { environment, heard });
    this.#processes.push(begun);
    return begun;
  }

  /** Starts such a process, and waits until it hands out tokens of both kinds. */
  async process(clock?: OwnClock): Promise<ClockProcess> {
    const begun = this.begin(clock);
    await Promise.all(['access_token', TYPE].map((type) => begun.next((event) => event.type === type)));
    return begun;
  }

  /** Waits until each key has been requested that many times from now on, or for the first trouble. */
  async refreshed(times: number, { expect }: TestContext): Promise<void> {
    const before = PATHS.map((path) => this.wechat.countCalls(path));
    const isDone = (): boolean =>
      this.trouble.length > 0 ||
      PATHS.every((path, index) => this.wechat.countCalls(path) >= (before[index] as number) + times);
    await expect.poll(isDone, { timeout: RECOVERY_MS, message: 'refreshes' }).toBe(true);
  }

  /** Checks that nothing was sent twice, and that WeChat would accept the stored refresh token. */
  async expectNothingLost({ expect }: TestContext): Promise<void> {
    const isKept = async (): Promise<boolean> => this.wechat.isValid(await this.#storedRefreshToken());
    // While a refresh is under way, the stored token is not good for a moment.
    await expect.poll(isKept, { timeout: 5_000, message: 'the stored refresh token is good' }).toBe(true);
    expect(this.wechat.replays).toBe(0);
    expect(this.trouble).toEqual([]);
  }

  async #storedRefreshToken(): Promise<string> {
    const store = new FileStore(this.#directory());
    const [document] = await store.get([`key/${APPID}/${TYPE}/${USER}`]);
    await store.close();
    return String((document?.data['rotation'] as { readonly token?: string } | undefined)?.token);
  }

  #directory(): string {
    return join(this.#home, 'tokens');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process[Symbol.asyncDispose]()));
    await this.wechat.close();
    rmSync(this.#home, { recursive: true, force: true });
  }
}

describe.for(['+1d', '-1d'])('a clock that is off by %s', (offset) => {
  test.concurrent('a clock that jumps there and back causes no expired token, no loss and no trouble for others', async (context) => {
    await using scene = await Scene.start(context, SHORT_LIFE_SECONDS);
    using clock = new OwnClock('+0');
    await scene.process();
    const wrong = await scene.process(clock);
    for (const where of [offset, '+0']) {
      const startedAt = Date.now();
      const callsBefore = scene.wechat.countCalls();
      clock.jump(where);
      await wrong.next((event) => isOffBy(event.clock, where));
      await scene.refreshed(3, context);
      const lives = Math.ceil((Date.now() - startedAt) / (SHORT_LIFE_SECONDS * 1_000));
      const most = PATHS.length * (MOST_CALLS.ofAJump + lives * MOST_CALLS.ofALife);
      context.expect(scene.wechat.countCalls() - callsBefore).toBeLessThanOrEqual(most);
    }
    await scene.expectNothingLost(context);
  });

  test.concurrent('a clock that is wrong from the start causes no invalid token in any process', async (context) => {
    await using scene = await Scene.start(context, SHORT_LIFE_SECONDS);
    using clock = new OwnClock(offset);
    const wrong = await scene.process(clock);
    context.expect(isOffBy((wrong.events.at(-1) as ClockEvent).clock, offset)).toBe(true);
    await scene.process();
    await scene.refreshed(3, context);
    await scene.expectNothingLost(context);
  });

  test.concurrent('a clock that jumps just before an answer does not lose its refresh token', async (context) => {
    await using scene = await Scene.start(context, LONG_LIFE_SECONDS);
    using clock = new OwnClock('+0');
    scene.wechat.delayMs = 300;
    const asked = scene.wechat.nextCall('/sns/oauth2/refresh_token');
    const wrong = scene.begin(clock);
    const first = wrong.next((event) => event.type === TYPE);
    await asked;
    // A jump after the answer does no harm, and one much earlier is noticed before it comes.
    await passes(scene.wechat.delayMs - 50);
    clock.jump(offset);
    await first;
    await scene.expectNothingLost(context);
  });
});

test.concurrent('a refresh under a clock that is a day ahead, corrected before the answer, loses nothing', async (context) => {
  await using scene = await Scene.start(context, LONG_LIFE_SECONDS);
  using clock = new OwnClock('+0');
  const wrong = await scene.process(clock);
  // The delay is long enough for the offset from the store's clock to be sampled meanwhile.
  scene.wechat.delayMs = 2_000;
  const asked = scene.wechat.nextCall('/sns/oauth2/refresh_token');
  clock.jump('+1d');
  await asked;
  await wrong.next((event) => event.type === TYPE);
  await scene.expectNothingLost(context);
});

test.concurrent('a token stored under a clock a day ahead is not handed out by a later process once it has expired', async (context) => {
  await using scene = await Scene.start(context, SHORT_LIFE_SECONDS);
  using clock = new OwnClock('+0');
  const wrong = await scene.process(clock);
  const asked = scene.wechat.nextCall('/cgi-bin/stable_token');
  clock.jump('+1d');
  await asked;
  const { value } = await wrong.next((event) => event.type === 'access_token');
  await wrong[Symbol.asyncDispose]();
  const isDead = (): boolean => !scene.wechat.isValid(String(value));
  await context.expect.poll(isDead, { timeout: RECOVERY_MS }).toBe(true);
  await scene.process();
  // The kill may have come between an answer for the user and its write, so only the app's token proves anything here.
  context.expect(scene.trouble.filter(({ type }) => type === 'access_token')).toEqual([]);
});

function isOffBy(clock: number, offset: string): boolean {
  const days = { '+1d': 1, '-1d': -1, '+0': 0 }[offset] as number;
  return Math.abs(clock - (Date.now() + days * DAY_MS)) < DAY_MS / 2;
}
