import { describe, expect, test } from 'vitest';
import { MessageKeys } from '../../../../src/platform/envelope/message-keys.js';
import { readEnvelope } from '../../../../src/platform/envelope/read-envelope.js';
import { readXml } from '../../../../src/platform/xml/read-xml.js';
import type { PushedMessage, PushReceiver, PushReceiverOptions } from '../../../../src/push-server/index.js';
import { AES_KEY, PlatformWorld, PUSH_TOKEN } from '../../../support/worlds/platform-world.js';

const ACCOUNT = 'wxaccount';
const TO = { appid: ACCOUNT };

function text(content: string, id = 1): Record<string, string | number> {
  const head = { ToUserName: 'gh_account', FromUserName: 'oUser', CreateTime: 1_700_000_000 };
  return { ...head, MsgType: 'text', Content: content, MsgId: id };
}

async function receiving(world: PlatformWorld, options: PushReceiverOptions): Promise<PushReceiver> {
  const { tokens, receiver } = world.process(options);
  await tokens.register({ appid: ACCOUNT, push: { token: PUSH_TOKEN, encodingAesKey: AES_KEY } });
  return receiver;
}

function decrypted(body: string): string {
  const { encrypt } = readEnvelope(Buffer.from(body));
  return new MessageKeys(AES_KEY, 'key').decrypt(encrypt, ACCOUNT).message.toString();
}

describe('a message', () => {
  test('is passed on with its fields, and its reply is encrypted, with sender and receiver exchanged', async () => {
    await using world = new PlatformWorld();
    const seen: PushedMessage[] = [];
    const receiver = await receiving(world, {
      onMessage(message) {
        seen.push(message);
        return { MsgType: 'text', Content: `You said ${message.content.textOf('Content')} ]]>` };
      },
    });
    const answer = await world.push(receiver, text('Hello & goodbye'), TO);
    expect(answer.contentType).toBe('text/xml; charset=utf-8');
    const reply = readXml(Buffer.from(decrypted(answer.body)));
    expect(['ToUserName', 'FromUserName', 'MsgType', 'Content'].map((name) => reply.textOf(name))).toEqual([
      'oUser',
      'gh_account',
      'text',
      'You said Hello & goodbye ]]>',
    ]);
    expect(seen[0]).toMatchObject({
      appid: ACCOUNT,
      from: 'oUser',
      to: 'gh_account',
      type: 'text',
      event: undefined,
      createdAt: 1_700_000_000_000,
    });
  });

  test('without a reply is answered with success', async () => {
    await using world = new PlatformWorld();
    const receiver = await receiving(world, {});
    expect((await world.push(receiver, text('Hello'), TO)).body).toBe('success');
  });

  test('that is repeated is handled once, and answered like the first', async () => {
    await using world = new PlatformWorld();
    let handled = 0;
    const receiver = await receiving(world, {
      onMessage: () => ({ MsgType: 'text', Content: `handled ${++handled}` }),
    });
    const answers = [1, 1, 2].map((id) => world.push(receiver, text('Hello', id), TO));
    const replies = (await Promise.all(answers)).map(({ body }) =>
      readXml(Buffer.from(decrypted(body))).textOf('Content'),
    );
    expect(replies).toEqual(['handled 1', 'handled 1', 'handled 2']);
  });

  test('that takes longer than four seconds is answered when WeChat repeats it', async () => {
    await using world = new PlatformWorld();
    let answer: (reply: { MsgType: string; Content: string }) => void = () => {};
    let handled = 0;
    const receiver = await receiving(world, {
      onMessage() {
        handled += 1;
        return new Promise((resolve) => (answer = resolve));
      },
    });
    const first = world.push(receiver, text('Hello'), TO);
    await world.settle(4_001);
    expect((await first).status).toBe(500);
    const second = world.push(receiver, text('Hello'), { ...TO, nonce: 'other' });
    await world.settle(0);
    answer({ MsgType: 'text', Content: 'late' });
    expect(decrypted((await second).body)).toContain('late');
    expect(handled).toBe(1);
  });

  test('whose handler fails is answered with 500, and handled again when WeChat repeats it', async () => {
    await using world = new PlatformWorld();
    let handled = 0;
    const receiver = await receiving(world, {
      async onMessage() {
        if (++handled === 1) throw new Error('broken');
        return undefined;
      },
    });
    expect((await world.push(receiver, text('Hello'), TO)).status).toBe(500);
    expect((await world.push(receiver, text('Hello'), TO)).body).toBe('success');
    expect([handled, world.errors.map(({ message }) => message)]).toEqual([2, ['onMessage failed: broken']]);
  });

  test.each<[string, unknown]>([
    ['a text', 'hello'],
    ['an object without a type', { Content: 'hello' }],
    ['a field that is a function', { MsgType: 'text', Content: () => {} }],
  ])('is answered with 500 when the reply is %s', async (_case, reply) => {
    await using world = new PlatformWorld();
    const receiver = await receiving(world, { onMessage: () => reply as never });
    expect((await world.push(receiver, text('Hello'), TO)).status).toBe(500);
    expect(world.errors[0]?.message).toMatch(/^onMessage failed: .*(object|string|number)/);
  });

  test('with articles in its reply repeats an element for each', async () => {
    await using world = new PlatformWorld();
    const item = [{ Title: 'One' }, { Title: 'Two' }];
    const receiver = await receiving(world, {
      onMessage: () => ({ MsgType: 'news', ArticleCount: 2, Articles: { item } }),
    });
    const reply = readXml(Buffer.from(decrypted((await world.push(receiver, text('Hello'), TO)).body)));
    const articles = reply.child('Articles')?.children.get('item') ?? [];
    expect(articles.map((article) => article.textOf('Title'))).toEqual(['One', 'Two']);
  });

  test.each(['FromUserName', 'ToUserName', 'MsgType', 'CreateTime'])('without %s is refused', async (name) => {
    await using world = new PlatformWorld();
    const receiver = await receiving(world, {});
    const { [name]: _left, ...fields } = text('CANARY');
    const answer = await world.push(receiver, fields, TO);
    expect([answer.status, answer.body]).toEqual([400, expect.not.stringContaining('CANARY')]);
  });

  test('in JSON is passed on like one in XML, with all digits of its id, and answered in JSON', async () => {
    await using world = new PlatformWorld();
    const ids: unknown[] = [];
    const receiver = await receiving(world, {
      onMessage({ content }) {
        ids.push(content.textOf('MsgId'));
        return { MsgType: 'text', Content: 'hello' };
      },
    });
    const message = JSON.stringify(text('say "MsgId":1')).replace('"MsgId":1}', '"MsgId":12345678901234567890}');
    const answer = await world.push(receiver, message, TO);
    expect(ids).toEqual(['12345678901234567890']);
    expect(JSON.parse(decrypted(answer.body))).toMatchObject({
      ToUserName: 'oUser',
      MsgType: 'text',
      Content: 'hello',
    });
  });

  test.each(['xml', 'json'])('with the character that stands for lost ones is passed on, in %s', async (format) => {
    await using world = new PlatformWorld();
    const seen: unknown[] = [];
    const receiver = await receiving(world, {
      onMessage({ content }) {
        seen.push(content.textOf('Content'));
        return undefined;
      },
    });
    const message = text('what is \ufffd?');
    const pushed = format === 'json' ? JSON.stringify(message) : message;
    expect((await world.push(receiver, pushed, TO)).body).toBe('success');
    expect(seen).toEqual(['what is \ufffd?']);
  });

  test('in JSON that is not UTF-8 is refused', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = world.process();
    await tokens.register({ appid: ACCOUNT, push: { token: PUSH_TOKEN } });
    const body = Buffer.from('{"MsgType":"\xff"}', 'latin1');
    const answer = await receiver.receive({ method: 'POST', appid: ACCOUNT, body, query: world.query({}) });
    expect([answer.status, answer.body]).toEqual([400, expect.stringContaining('not UTF-8')]);
  });

  test('in plain mode is checked by its signature, and answered in clear', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = world.process({ onMessage: () => ({ MsgType: 'text', Content: 'hello' }) });
    await tokens.register({ appid: ACCOUNT, push: { token: PUSH_TOKEN } });
    const body = Buffer.from(
      '<xml><ToUserName>gh</ToUserName><FromUserName>o</FromUserName><CreateTime>1700000000</CreateTime><MsgType>text</MsgType></xml>',
    );
    const push = { method: 'POST', appid: ACCOUNT, body } as const;
    const answer = await receiver.receive({ ...push, query: world.query({}) });
    expect(readXml(Buffer.from(answer.body)).textOf('Content')).toBe('hello');
    expect((await receiver.receive({ ...push, query: world.query({ token: 'other' }) })).status).toBe(401);
  });
});
