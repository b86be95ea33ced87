import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as passes } from 'node:timers/promises';
import { type ExpectStatic, test } from 'vitest';
import { FileStore } from '../../src/index.js';
import { type FakeCall, type FakeFault, type FakePushAnswer, FakeWeChat } from '../../src/testing/index.js';
import { type Moment, PushVictim } from './push-victim.js';

const COMPONENT = 'wx00000000000000c0';
const TEST_ACCOUNT = 'wx570bc396a51b8ff8';
const USER = 'oTester';
const EXCHANGE = '/cgi-bin/component/api_query_auth';
const SEND = '/cgi-bin/message/custom/send';
const PUSH = { token: 'token-of-pushes', encodingAesKey: 'k'.repeat(43) };
const REGISTRATION = { appid: COMPONENT, secret: 'secret', push: PUSH };
const LOOK_EVERY_MS = 20;
/** The time within which the message is sent, even on the slowest machine. */
const SENT_WITHIN_MS = 60_000;

/** How a server dies, and how often the message may be sent, by it and by the server after it. */
interface Death {
  /** The moment at which the server kills itself: the n-th command for the document of the code. */
  readonly dieAt?: string;
  readonly nth?: number;
  /** What happens to a request of the server, which is killed when WeChat has it. */
  readonly path?: string;
  readonly fault?: FakeFault;
  readonly atMost: number;
}

const DEATHS: readonly (readonly [name: string, death: Death])[] = [
  ['before the code is written', { dieAt: 'before check', nth: 1, atMost: 1 }],
  ['when the code is written', { dieAt: 'after check', nth: 1, atMost: 1 }],
  ['under the lease', { dieAt: 'lease of check', nth: 1, atMost: 1 }],
  ['before WeChat exchanges the code', { path: EXCHANGE, fault: 'hang', atMost: 1 }],
  ['when WeChat has exchanged the code', { path: EXCHANGE, fault: { delayMs: 600_000 }, atMost: 1 }],
  ['before the token of the code is written', { dieAt: 'before check', nth: 2, atMost: 1 }],
  ['when the token of the code is written', { dieAt: 'after check', nth: 2, atMost: 1 }],
  ['before WeChat sends the message', { path: SEND, fault: 'hang', atMost: 1 }],
  ['when WeChat has sent the message', { path: SEND, fault: { delayMs: 600_000 }, atMost: 2 }],
  ['before it is written that the message was sent', { dieAt: 'before check', nth: 3, atMost: 2 }],
  ['when it is written that the message was sent', { dieAt: 'after check', nth: 3, atMost: 1 }],
];

/** Plays the release check of a platform, whose server dies during it. */
class CheckedPlatform implements AsyncDisposable {
  readonly #wechat: FakeWeChat;
  readonly #directory: string;
  readonly #expect: ExpectStatic;
  #victim: PushVictim | undefined;

  private constructor(wechat: FakeWeChat, directory: string, expect: ExpectStatic) {
    this.#wechat = wechat;
    this.#directory = directory;
    this.#expect = expect;
  }

  static async begin(expect: ExpectStatic): Promise<CheckedPlatform> {
    const wechat = await FakeWeChat.start();
    wechat.setAccount(TEST_ACCOUNT, { userName: 'gh_3c884a361561' });
    return new CheckedPlatform(wechat, await mkdtemp(join(tmpdir(), 'wechat-tokens-')), expect);
  }

  /** Lets a server receive the code, and die; WeChat repeats a push that was not answered, to the next server. */
  async check({ dieAt = '', nth = 0, path, fault }: Death): Promise<void> {
    const isOfCode = ({ path: called }: FakeCall): boolean => called === path;
    const victim = await this.#start({ dieAt, of: '', nth });
    await this.#wechat.push(COMPONENT, { InfoType: 'component_verify_ticket' });
    const code = this.#wechat.createAuthorizationCode(COMPONENT, TEST_ACCOUNT);
    const asked = path === undefined ? victim.exited : this.#wechat.nextCall(isOfCode);
    const clear = fault === undefined ? () => {} : this.#wechat.fail(isOfCode, fault);
    const answer = await this.#pushCode(code).catch(() => undefined);
    await asked;
    await victim.kill();
    clear();
    const heir = await this.#start();
    if (answer === undefined) this.#expect((await this.#pushCode(code)).body).toBe('');
    await this.#untilNothingIsOwed(heir);
  }

  /** Returns how often the message was sent, with a token of the account. */
  get sent(): number {
    return this.#wechat.countCalls(
      ({ path, appid, subject, errcode }) =>
        path === SEND && appid === TEST_ACCOUNT && subject === USER && errcode === 0,
    );
  }

  get exchanges(): number {
    return this.#wechat.countCalls(({ path, errcode }) => path === EXCHANGE && errcode === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#victim?.kill();
    await this.#wechat.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #start(moment?: Moment): Promise<PushVictim> {
    const victim = await PushVictim.start(this.#directory, this.#wechat.origin, REGISTRATION, moment);
    this.#victim = victim;
    const url = victim.urlOf(COMPONENT);
    this.#wechat.setPush(COMPONENT, { url, authorizerUrl: `${url}/$APPID$`, ...PUSH });
    return victim;
  }

  #pushCode(code: string): Promise<FakePushAnswer> {
    const content = { FromUserName: USER, MsgType: 'text', Content: `QUERY_AUTH_CODE:${code}` };
    return this.#wechat.push(COMPONENT, content, { authorizer: TEST_ACCOUNT });
  }

  /** Resolves when a server has done everything that is owed. */
  async #untilNothingIsOwed(victim: PushVictim): Promise<void> {
    const store = new FileStore(this.#directory);
    const isOwed = async (): Promise<boolean> => {
      let isKnown = false;
      for await (const { data } of store.list('check')) {
        isKnown = true;
        if (data['owed'] !== undefined) return true;
      }
      return !isKnown;
    };
    const givenUpAt = performance.now() + SENT_WITHIN_MS;
    try {
      while (victim.isAlive && (await isOwed())) {
        this.#expect(performance.now(), 'the message is still owed').toBeLessThan(givenUpAt);
        await passes(LOOK_EVERY_MS);
      }
    } finally {
      await store.close();
    }
  }
}

// They wait for processes more than they work.
test.concurrent.for(DEATHS)(
  'I2: the message of the release check is sent when the server is killed %s',
  async ([, death], { expect }) => {
    await using platform = await CheckedPlatform.begin(expect);
    await platform.check(death);
    expect(platform.exchanges).toBe(1);
    expect(platform.sent).toBeGreaterThanOrEqual(1);
    expect(platform.sent).toBeLessThanOrEqual(death.atMost);
  },
);
