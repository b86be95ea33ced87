import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { appSecretOf, verifyWebhook } from '../../../../src/http/index.js';
import { MessageKeys } from '../../../../src/platform/envelope/message-keys.js';
import { readEnvelope } from '../../../../src/platform/envelope/read-envelope.js';
import { readXml } from '../../../../src/platform/xml/read-xml.js';
import type { PushReceiver, PushReceiverOptions } from '../../../../src/push-server/index.js';
import { ForwardTargets } from '../../../support/worlds/forward-target.js';
import {
  AES_KEY,
  COMPONENT,
  MERCHANT,
  PlatformWorld,
  PUSH_TOKEN,
  type ReceivingProcess,
} from '../../../support/worlds/platform-world.js';

const ACCOUNT = 'wxaccount';
const TO = { appid: ACCOUNT };
const URL = 'https://hooks.example.com/wechat';
const SECRET = `whsec_${Buffer.from('CANARY-webhook-secret-CANARY').toString('base64')}`;
const ALL: PushReceiverOptions = { forward: [{ url: URL }], notifySecret: SECRET };
const REPLY = JSON.stringify({ reply: { MsgType: 'text', Content: 'from afar', ToUserName: 'another' } });

let targets: ForwardTargets;

beforeEach(() => {
  targets = new ForwardTargets();
});

afterEach(() => void vi.restoreAllMocks());

function text(content: string, id = 1): Record<string, string | number> {
  const head = { ToUserName: 'gh_account', FromUserName: 'oUser', CreateTime: 1_700_000_000 };
  return { ...head, MsgType: 'text', Content: content, MsgId: id };
}

async function receiving(world: PlatformWorld, options: PushReceiverOptions = ALL): Promise<PushReceiver> {
  const { tokens, receiver } = world.process(options);
  await tokens.register({ appid: ACCOUNT, push: { token: PUSH_TOKEN, encodingAesKey: AES_KEY } });
  return receiver;
}

/** Returns a process of a platform that a merchant has authorized. */
async function authorized(world: PlatformWorld): Promise<ReceivingProcess> {
  const process = await world.receiving(ALL);
  await world.push(process.receiver, world.authorized('code'));
  await world.settle();
  return process;
}

function decrypted(body: string, receiver = ACCOUNT): string {
  const { encrypt } = readEnvelope(Buffer.from(body));
  return new MessageKeys(AES_KEY, 'key').decrypt(encrypt, receiver).message.toString();
}

describe('a message that a rule matches', () => {
  test('is forwarded as JSON, signed with the secret of its app', async () => {
    await using world = new PlatformWorld();
    await world.push(await receiving(world), text('Hello'), TO);
    const { url, headers = {}, text: body = '', push } = targets.asked[0] ?? {};
    expect([targets.asked.length, url, headers['content-type']]).toEqual([1, URL, 'application/json']);
    const secret = appSecretOf(SECRET, ACCOUNT);
    expect(verifyWebhook({ headers, body, secret, now: () => world.clock.now() }).id).toBe(push?.id);
    expect(push).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      appid: ACCOUNT,
      msgType: 'text',
      createdAt: 1_700_000_000_000,
      content: {
        ToUserName: 'gh_account',
        FromUserName: 'oUser',
        CreateTime: '1700000000',
        MsgType: 'text',
        Content: 'Hello',
        MsgId: '1',
      },
      raw: expect.stringContaining('<Content><![CDATA[Hello]]></Content>'),
    });
  });

  test.each([
    ['JSON', REPLY],
    ['XML', '<xml><ToUserName>another</ToUserName><MsgType>text</MsgType><Content>from afar</Content></xml>'],
  ])('is answered with the reply of the target in %s, encrypted, and addressed to the sender', async (_case, reply) => {
    await using world = new PlatformWorld();
    targets.answer = () => reply;
    const { body } = await world.push(await receiving(world), text('Hello'), TO);
    const read = readXml(Buffer.from(decrypted(body)));
    const fields = ['ToUserName', 'FromUserName', 'MsgType', 'Content'].map((name) => read.textOf(name));
    expect(fields).toEqual(['oUser', 'gh_account', 'text', 'from afar']);
  });

  test('in JSON is answered in JSON', async () => {
    await using world = new PlatformWorld();
    targets.answer = () => '<xml><MsgType>text</MsgType><Content>from afar</Content></xml>';
    const { body } = await world.push(await receiving(world), JSON.stringify(text('Hello')), TO);
    expect(JSON.parse(decrypted(body))).toMatchObject({ ToUserName: 'oUser', Content: 'from afar' });
    expect(targets.asked[0]?.push.raw).toBe(JSON.stringify(text('Hello')));
  });

  test('is forwarded by the first of several rules, and not handled by the application', async () => {
    await using world = new PlatformWorld();
    const handled: string[] = [];
    const receiver = await receiving(world, {
      forward: [
        { event: 'subscribe', url: 'https://a.test/' },
        { msgType: ['text', 'event'], url: 'https://b.test/?key=1' },
        { msgType: 'text', url: 'https://c.test/' },
      ],
      onMessage: ({ type }) => void handled.push(type),
    });
    const event = { ...text('', 2), MsgType: 'event', Event: 'subscribe', MsgId: '' };
    for (const fields of [text('Hello'), event, { ...text('', 3), MsgType: 'image' }]) {
      expect((await world.push(receiver, fields, TO)).body).toBe('success');
    }
    expect(targets.asked.map(({ url }) => url)).toEqual(['https://b.test/?key=1', 'https://a.test/']);
    expect(targets.asked[1]?.push).toMatchObject({ msgType: 'event', event: 'subscribe' });
    expect([handled, targets.asked[0]?.headers]).toEqual([['image'], { 'content-type': 'application/json' }]);
  });

  test('that is repeated is forwarded once, and has the same id from another process', async () => {
    await using world = new PlatformWorld();
    targets.answer = () => REPLY;
    const receiver = await receiving(world);
    const pushes = [
      world.push(receiver, text('Hello'), TO),
      world.push(receiver, text('Hello'), { ...TO, nonce: 'b' }),
    ];
    const replies = (await Promise.all(pushes)).map(({ body }) => decrypted(body));
    expect([replies[0], targets.asked.length]).toEqual([replies[1], 1]);
    await world.push(world.process(ALL).receiver, text('Hello'), TO);
    await world.push(receiver, text('Hello', 2), TO);
    const ids = targets.asked.map(({ headers }) => headers['webhook-id']);
    expect([ids[1], ids[2] === ids[0]]).toEqual([ids[0], false]);
  });

  test('is signed with every secret while receivers change from one to the other', async () => {
    await using world = new PlatformWorld();
    const next = Buffer.alloc(32, 'n');
    await world.push(await receiving(world, { ...ALL, notifySecret: [next, SECRET] }), text('Hello'), TO);
    for (const one of [SECRET, next]) {
      const { headers = {}, text: body = '' } = targets.asked[0] ?? {};
      const secret = appSecretOf(one, ACCOUNT);
      expect(() => verifyWebhook({ headers, body, secret, now: () => world.clock.now() })).not.toThrow();
    }
  });
});

describe('a push to a platform', () => {
  test('is not forwarded if it is a ticket or an authorization', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await authorized(world);
    await world.push(receiver, world.unauthorized(-1_000));
    expect(targets.asked).toEqual([]);
    expect(world.events).toContain(`authorized ${COMPONENT} ${MERCHANT}`);
  });

  test('is forwarded with any other InfoType, once, and answered with success whatever the reply is', async () => {
    await using world = new PlatformWorld();
    const seen: unknown[] = [];
    const { receiver } = await world.receiving({ ...ALL, onEvent: (event) => void seen.push(event) });
    targets.answer = () => REPLY;
    const event = { ...world.ofPlatform('notify_third_fasterverifybetaapp'), info: [['name', 'Shop'] as const] };
    const answers = [await world.push(receiver, event), await world.push(receiver, event)];
    expect(answers.map(({ body }) => body)).toEqual(['success', 'success']);
    expect([seen, targets.asked.map(({ push }) => push)]).toEqual([
      [],
      [
        {
          id: targets.asked[0]?.headers['webhook-id'],
          appid: COMPONENT,
          component: COMPONENT,
          infoType: 'notify_third_fasterverifybetaapp',
          createdAt: Math.floor(world.clock.now() / 1_000) * 1_000,
          content: expect.objectContaining({ AppId: COMPONENT, info: { name: 'Shop' } }),
          raw: expect.stringMatching(/^<xml>/),
        },
      ],
    ]);
  });

  test('is forwarded as the message of an authorizer, signed with the secret of the platform', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await authorized(world);
    targets.answer = () => REPLY;
    const message = { ...text('Hello'), ToUserName: 'gh_merchant' };
    const answer = await world.push(receiver, message, { appid: MERCHANT, component: COMPONENT });
    expect(decrypted(answer.body, COMPONENT)).toContain('from afar');
    const { headers = {}, text: body = '', push } = targets.asked[0] ?? {};
    expect(push).toMatchObject({ appid: MERCHANT, component: COMPONENT, msgType: 'text' });
    const secret = appSecretOf(SECRET, COMPONENT);
    expect(verifyWebhook({ headers, body, secret, now: () => world.clock.now() }).id).toBe(push?.id);
  });

  test('is not forwarded if it is addressed to another account than the path names', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await authorized(world);
    const answer = await world.push(receiver, text('Hello'), { appid: MERCHANT, component: COMPONENT });
    expect([answer.status, targets.asked]).toEqual([401, []]);
  });
});
