import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { GuardedRequests } from '../../../../src/callbacks/guarded-request.js';
import { Closing } from '../../../../src/core/model/closing.js';
import { Deadline } from '../../../../src/core/model/deadline.js';
import { TokenError } from '../../../../src/index.js';
import { Forwarder } from '../../../../src/platform/forwarding/forwarder.js';
import { checkedForwarding } from '../../../../src/platform/forwarding/forwarding-options.js';
import type { PushReceiver, PushReceiverOptions } from '../../../../src/push-server/index.js';
import { FakeClock } from '../../../../src/testing/index.js';
import { ForwardTargets } from '../../../support/worlds/forward-target.js';
import { AES_KEY, PlatformWorld, PUSH_TOKEN, type ReceivingProcess } from '../../../support/worlds/platform-world.js';

const ACCOUNT = 'wxaccount';
const OTHER = 'wxother';
const URL = 'https://hooks.example.com/wechat?key=CANARY';
const ALL: PushReceiverOptions = { forward: [{ appid: 'wxnone', url: URL }, { url: URL }] };
const REPLY = JSON.stringify({ reply: { MsgType: 'text', Content: 'from afar' } });

let targets: ForwardTargets;

beforeEach(() => {
  targets = new ForwardTargets();
});

afterEach(() => void vi.restoreAllMocks());

function text(id: number): Record<string, string | number> {
  const head = { ToUserName: 'gh_account', FromUserName: 'oUser', CreateTime: 1_700_000_000 };
  return { ...head, MsgType: 'text', Content: 'CANARY-text', MsgId: id };
}

async function receiving(world: PlatformWorld): Promise<ReceivingProcess> {
  const process = world.process(ALL);
  const push = { token: PUSH_TOKEN, encodingAesKey: AES_KEY };
  for (const appid of [ACCOUNT, OTHER]) await process.tokens.register({ appid, push });
  return process;
}

const pushed = (world: PlatformWorld, receiver: PushReceiver, id: number, appid = ACCOUNT) =>
  world.push(receiver, text(id), { appid });

const REPORT = `rule 2 of forward could not forward a push of ${ACCOUNT} to hooks.example.com, and it was answered with success`;

describe('a target', () => {
  test.each<[string, string | Error, string]>([
    ['cannot be reached', new TokenError('UPSTREAM_UNAVAILABLE', 'The request failed (ECONNREFUSED)'), 'ECONNREFUSED'],
    ['answers what cannot be read', '<html>CANARY</html>', 'its answer cannot be read'],
    ['answers with a reply without a type', '{"reply":{"Content":"CANARY"}}', 'MsgType of a reply must be a string'],
    [
      'answers with a reply that XML cannot contain',
      '{"reply":{"MsgType":"text","Content":"CANARY\\u0001"}}',
      '<Content>',
    ],
    ['answers with a field that is none', '{"reply":{"MsgType":"text","Content":true}}', 'Content of a reply must be'],
  ])('that %s costs the reply and nothing else, and is reported', async (_case, answer, reason) => {
    await using world = new PlatformWorld();
    const { receiver } = await receiving(world);
    targets.answer = async () => {
      if (typeof answer === 'string') return answer;
      throw answer;
    };
    const { status, body } = await pushed(world, receiver, 1);
    expect([status, body]).toEqual([200, 'success']);
    expect(world.errors).toHaveLength(1);
    expect(world.errors[0]?.message).toMatch(new RegExp(`^${REPORT}: .*${reason}`));
    expect(world.errors[0]?.message).not.toContain('CANARY');
  });

  test('that fails again and again is reported once in ten minutes, with the number of pushes', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await receiving(world);
    targets.answer = () => ({ status: 503, body: Buffer.from('') });
    for (let id = 0; id < 40; id++) await pushed(world, receiver, id);
    await pushed(world, receiver, 40, OTHER);
    await world.settle(600_000);
    await pushed(world, receiver, 41);
    const reports = world.errors.map(({ message }) => message.replace(REPORT, 'REPORT'));
    expect(reports).toEqual([
      'REPORT: it answered with status 503',
      expect.stringContaining(`a push of ${OTHER}`),
      'REPORT: it answered with status 503; 39 pushes failed before',
    ]);
  });

  test('that answers after 3.5 s is too late: the push was answered with success before', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await receiving(world);
    targets.answer = () => new Promise(() => {});
    const pushing = pushed(world, receiver, 1);
    let answered = false;
    void pushing.then(() => (answered = true));
    await world.settle(3_499);
    expect(answered).toBe(false);
    await world.settle(1);
    expect((await pushing).body).toBe('success');
    expect(world.errors[0]?.message).toBe(`${REPORT}: it did not answer in time`);
  });

  test('that hangs gets two pushes at once, and delays neither another app nor what the target does afterwards', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await receiving(world);
    targets.answer = ({ push }) => (push.appid === ACCOUNT ? new Promise<string>(() => {}) : REPLY);
    const hanging = Array.from({ length: 20 }, (_unused, id) => pushed(world, receiver, id));
    await world.settle(0);
    expect(targets.asked).toHaveLength(2);
    expect((await pushed(world, receiver, 100, OTHER)).contentType).toContain('text/xml');
    await world.settle(3_500);
    expect((await Promise.all(hanging)).map(({ body }) => body)).toEqual(hanging.map(() => 'success'));
    targets.answer = () => REPLY;
    expect((await pushed(world, receiver, 101)).contentType).toContain('text/xml');
  });

  test('that hangs for a while is replied from again, although each push that waits for it has little time left', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await receiving(world);
    const slow = () => new Promise<string>((resolve) => void world.clock.setTimer(() => resolve(REPLY), 1_200));
    const hanging = new Promise<string>(() => {});
    const pushes: ReturnType<typeof pushed>[] = [];
    for (let id = 0; id < 100; id++) {
      targets.answer = id >= 10 && id < 40 ? () => hanging : slow;
      pushes.push(pushed(world, receiver, id));
      await world.settle(200);
    }
    await world.settle(3_500);
    const replies = (await Promise.all(pushes)).map(({ contentType }) => contentType?.includes('xml') === true);
    expect(replies.slice(0, 5)).toEqual(Array(5).fill(true));
    expect(replies.slice(15, 25)).toEqual(Array(10).fill(false));
    expect(replies.slice(-20)).toEqual(Array(20).fill(true));
  });

  test('that is prompt gets many pushes at once', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await receiving(world);
    await pushed(world, receiver, 0);
    targets.answer = () => new Promise(() => {});
    const pushes = Array.from({ length: 200 }, (_unused, id) => pushed(world, receiver, id + 1));
    await world.settle(0);
    expect(targets.asked).toHaveLength(1 + 128);
    await world.settle(3_500);
    await Promise.all(pushes);
  });

  test('is aborted when the manager closes, and WeChat has to push again', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await receiving(world);
    targets.answer = () => new Promise(() => {});
    const pushing = pushed(world, receiver, 1);
    await world.settle(0);
    await tokens.close();
    expect((await pushing).status).toBe(500);
    expect(world.errors.map(({ message }) => message)).toEqual(['the manager has been closed']);
  });
});

test('a push for which the store has taken all the time is not forwarded, so that WeChat pushes it again', async () => {
  const clock = new FakeClock();
  const forwarding = checkedForwarding({ forward: [{ url: URL }] });
  if (forwarding === undefined) throw new Error('nothing is forwarded');
  const [closing, requests] = [new Closing(), new GuardedRequests()];
  const forwarder = new Forwarder({ forwarding, requests, clock, closing, report: () => {} });
  const push = { id: '1', appid: ACCOUNT, createdAt: 0, content: {}, raw: '' };
  const replyBy = new Deadline(clock, 3_500, undefined);
  await clock.advance(3_500);
  await expect(forwarder.targetFor(push)?.(replyBy, String)).rejects.toMatchObject({ code: 'TIMEOUT' });
  expect(targets.asked).toEqual([]);
});
