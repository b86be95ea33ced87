import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { TokenManager } from '../../src/index.js';
import { createPushReceiver, type PushReceiverOptions } from '../../src/push-server/index.js';
import { type FakeReleaseReport, FakeWeChat } from '../../src/testing/index.js';
import type { ServeProcess } from '../support/servers/serve-process.js';
import { AES_KEY, COMPONENT, PUSH_TOKEN, PushedPlatform } from '../support/worlds/pushed-platform.js';

const EXCHANGE = '/cgi-bin/component/api_query_auth';
const SEND = '/cgi-bin/message/custom/send';
const OPTIONAL = ['url', 'event', 'mini-program-text'] as const;
const STEPS = 'url ticket authorized authorized event text code exchange message text code exchange message';

/** Has WeChat push to a server, as the guide says that it is entered in WeChat's console. */
function setPush(wechat: FakeWeChat, origin: string): void {
  const url = `${origin}/push/${COMPONENT}`;
  const secrets = { token: PUSH_TOKEN, encodingAesKey: AES_KEY };
  wechat.setPush(COMPONENT, { url, authorizerUrl: `${url}/$APPID$`, ...secrets });
}

function faultsOf({ steps }: FakeReleaseReport): readonly string[] {
  return steps.filter(({ passed }) => !passed).map(({ step, account, reason }) => `${step} of ${account}: ${reason}`);
}

describe('the token server', () => {
  let platform: PushedPlatform;

  beforeEach(async () => {
    platform = await PushedPlatform.start();
  });

  afterEach(async () => {
    await platform[Symbol.asyncDispose]();
    const codes = platform.wechat.customMessages.map(({ body }) => {
      const { content } = body['text'] as { content: string };
      return content.replace('_from_api', '');
    });
    const printed = platform.printed();
    expect([PUSH_TOKEN, AES_KEY, 'CANARY', ...codes].filter((secret) => printed.includes(secret))).toEqual([]);
  });

  async function serve(args: readonly string[] = []): Promise<ServeProcess> {
    const { wechat, world } = platform;
    const server = await world.start(['--wechat-origin', wechat.origin, ...args]);
    platform.servers.push(server);
    await platform.register(server);
    setPush(wechat, server.url);
    return server;
  }

  test('it passes the release check with all five pairs of test accounts, and a second time', async () => {
    const server = await serve();
    const { wechat } = platform;
    const first = await wechat.runReleaseCheck(COMPONENT, { pair: 'all', optionalSteps: OPTIONAL });
    expect(faultsOf(first)).toEqual([]);
    expect(first.steps.map(({ step }) => step).join(' ')).toBe(Array(5).fill(STEPS).join(' '));
    expect(wechat.customMessages).toHaveLength(10);
    expect(faultsOf(await wechat.runReleaseCheck(COMPONENT, { pair: 'all' }))).toEqual([]);
    expect(await server.stop()).toBe(0);
  });

  test('it passes although WeChat is busy when the code is exchanged, and when the message is sent', async () => {
    await serve();
    const { wechat } = platform;
    wechat.fail(EXCHANGE, { errcode: -1 }, { times: 3 });
    wechat.fail(SEND, { errcode: -1 }, { times: 2 });
    expect(faultsOf(await wechat.runReleaseCheck(COMPONENT, { pair: 1 }))).toEqual([]);
  });

  test('it passes although the process is killed between the exchange and the message', async () => {
    const server = await serve();
    const { wechat } = platform;
    wechat.fail(SEND, 'hang', { times: 1 });
    const sending = wechat.nextCall(SEND);
    const check = wechat.runReleaseCheck(COMPONENT, { pair: 2, messageWithinSeconds: 120 });
    await sending;
    process.kill(server.workerPid, 'SIGKILL');
    expect(faultsOf(await check)).toEqual([]);
  });

  test('it fails where it was told to leave the check to another program', async () => {
    await serve(['--no-release-check']);
    const report = await platform.wechat.runReleaseCheck(COMPONENT, { pair: 3, messageWithinSeconds: 1 });
    expect([
      ...new Set(report.steps.filter(({ passed }) => !passed).map(({ step, reason }) => `${step}: ${reason}`)),
    ]).toEqual([
      'text: expected an encrypted reply, got "success"',
      'code: expected an empty answer, got "success"',
      'exchange: expected api_query_auth to be called with the code within 1 s, got no such call',
      'message: expected the message by custom/send within 1 s, got none',
    ]);
  });
});

describe('a program with a receiver', () => {
  async function start(options: PushReceiverOptions = {}): Promise<FakeWeChat> {
    const wechat = await FakeWeChat.start({ apps: { [COMPONENT]: { secret: 'secret' } } });
    const tokens = new TokenManager({ wechat: { origins: [wechat.origin] } });
    const server = createServer(createPushReceiver(tokens, options).node).listen(0, '127.0.0.1');
    onTestFinished(async () => {
      server.close();
      await tokens.close();
      await wechat.close();
    });
    await once(server, 'listening');
    const push = { token: PUSH_TOKEN, encodingAesKey: AES_KEY };
    await tokens.register({ appid: COMPONENT, secret: 'secret', push, tasks: ['component_access_token'] });
    setPush(wechat, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return wechat;
  }

  test('it passes the release check with all five pairs, and its own function is not called', async () => {
    const called: string[] = [];
    const wechat = await start({ onMessage: ({ appid }) => void called.push(appid) });
    expect(faultsOf(await wechat.runReleaseCheck(COMPONENT, { pair: 'all', optionalSteps: OPTIONAL }))).toEqual([]);
    expect(called).toEqual([]);
  });

  test('what its own function answers is judged where it answers the check itself', async () => {
    const wechat = await start({
      releaseCheck: false,
      onMessage: ({ content }) => ({ MsgType: 'text', Content: `${content.textOf('Content')}_callback` }),
    });
    const { steps } = await wechat.runReleaseCheck(COMPONENT, { pair: 4, messageWithinSeconds: 1 });
    expect(steps.filter(({ passed }) => passed).map(({ step }) => step)).toEqual([
      'ticket',
      'authorized',
      'authorized',
      'text',
    ]);
    expect(steps.find(({ step }) => step === 'code')?.reason).toBe('expected an empty answer, got a reply');
  });
});
