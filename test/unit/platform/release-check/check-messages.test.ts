import { describe, expect, test } from 'vitest';
import { createHandler } from '../../../../src/http/index.js';
import type { PushAnswer, PushedMessage, PushReceiverOptions, PushRequest } from '../../../../src/push-server/index.js';
import { TEST_ACCOUNTS } from '../../../support/test-accounts.js';
import { CheckWorld, CODE, TEST_ACCOUNT, TEST_NAME, USER } from '../../../support/worlds/check-world.js';
import { COMPONENT, MERCHANT, type ReceivingProcess } from '../../../support/worlds/platform-world.js';

const TEXT = 'TESTCOMPONENT_MSG_TYPE_TEXT';

/** The messages that the application got. */
interface Seen {
  readonly seen: readonly PushedMessage[];
}

async function receiving(world: CheckWorld, options: PushReceiverOptions = {}): Promise<ReceivingProcess & Seen> {
  const seen: PushedMessage[] = [];
  const onMessage = (message: PushedMessage): undefined => void seen.push(message);
  return { ...(await world.receiving({ onMessage, ...options })), seen };
}

describe('a message of the release check', () => {
  test('is answered with an encrypted text from the account to the user, without asking WeChat whose it is', async () => {
    await using world = new CheckWorld();
    const { receiver, seen } = await receiving(world);
    const answer = await world.send(receiver, { Content: TEXT });
    expect([answer.status, answer.contentType]).toEqual([200, 'text/xml; charset=utf-8']);
    const names = ['ToUserName', 'FromUserName', 'MsgType', 'Content'];
    expect(names.map((name) => world.textIn(answer, name))).toEqual([USER, TEST_NAME, 'text', `${TEXT}_callback`]);
    expect(world.platform.countOf('api_get_authorizer_info')).toBe(0);
    expect(seen).toEqual([]);
  });

  test.each(TEST_ACCOUNTS)('is answered for each of the ten test accounts: %s', async (appid, ToUserName) => {
    await using world = new CheckWorld();
    const { receiver } = await receiving(world);
    const answer = await world.send(receiver, { Content: TEXT, ToUserName }, appid);
    expect(world.textIn(answer, 'Content')).toBe(`${TEXT}_callback`);
  });

  test('that is an event is answered with its name', async () => {
    await using world = new CheckWorld();
    const { receiver, seen } = await receiving(world);
    const answer = await world.send(receiver, { MsgType: 'event', Event: 'LOCATION' });
    expect(world.textIn(answer, 'Content')).toBe('LOCATIONfrom_callback');
    expect(seen).toEqual([]);
  });

  test('that brings a code is answered with nothing, before the code is exchanged', async () => {
    await using world = new CheckWorld();
    const { receiver, seen } = await receiving(world);
    const { status, body } = await world.sendCode(receiver);
    expect([status, body, world.platform.countOf('api_query_auth')]).toEqual([200, '', 0]);
    expect(await world.stored()).toEqual([expect.objectContaining({ owed: { user: USER, code: CODE } })]);
    expect(seen).toEqual([]);
  });

  test('that brings a code is answered with 500 while the store takes no writes', async () => {
    await using world = new CheckWorld();
    const { receiver } = await receiving(world);
    world.store.set = () => Promise.reject(new Error('away'));
    expect((await world.sendCode(receiver)).status).toBe(500);
  });

  test('that brings a code is answered with 500 in time while the store hangs', async () => {
    await using world = new CheckWorld();
    const { receiver } = await receiving(world);
    world.store.set = () => new Promise(() => {});
    const answer = world.sendCode(receiver);
    await world.settle(4_000);
    expect((await answer).status).toBe(500);
  });
});

describe('an ordinary message', () => {
  test.each([
    ['another text', { Content: 'hello' }],
    ['the text of the check with something behind it', { Content: `${TEXT} ` }],
    ['the text of the check in a picture', { MsgType: 'image', Content: TEXT }],
    ['no code', { Content: 'QUERY_AUTH_CODE:' }],
    ['a code with a space', { Content: 'QUERY_AUTH_CODE:a b' }],
    ['a code that is too long', { Content: `QUERY_AUTH_CODE:${'c'.repeat(1_025)}` }],
    ['another prefix', { Content: ` QUERY_AUTH_CODE:${CODE}` }],
  ])('is what a test account sends otherwise: %s', async (_case, fields) => {
    await using world = new CheckWorld();
    const { receiver, seen } = await receiving(world);
    expect((await world.send(receiver, fields)).body).toBe('success');
    expect(seen).toMatchObject([{ appid: TEST_ACCOUNT, component: COMPONENT }]);
    expect(await world.stored()).toEqual([]);
  });

  test.each([TEXT, `QUERY_AUTH_CODE:${CODE}`])('is what a merchant sends, even the text %s', async (Content) => {
    await using world = new CheckWorld();
    const { receiver, seen } = await receiving(world);
    expect((await world.send(receiver, { Content, ToUserName: 'gh_merchant' }, MERCHANT)).body).toBe('success');
    expect(seen).toMatchObject([{ appid: MERCHANT }]);
    expect(await world.stored()).toEqual([]);
  });

  test('is what comes to a test account under another original id, if WeChat says that the id is its own', async () => {
    await using world = new CheckWorld();
    const { receiver, seen } = await receiving(world);
    const message = { Content: TEXT, ToUserName: 'gh_renamed' };
    expect((await world.send(receiver, message)).status).toBe(401);
    await world.settle(60_001);
    world.platform.info = { user_name: 'gh_renamed' };
    expect((await world.send(receiver, message)).body).toBe('success');
    expect(seen).toHaveLength(1);
  });

  test('is what comes to a test account as an app of its own', async () => {
    await using world = new CheckWorld();
    const { receiver, tokens, seen } = await receiving(world);
    const push = { token: 'CANARY-own-token', encodingAesKey: 'k'.repeat(43) };
    await tokens.register({ appid: TEST_ACCOUNT, secret: 'CANARY-own-secret', push });
    const fields = {
      ToUserName: TEST_NAME,
      FromUserName: USER,
      CreateTime: 1,
      MsgType: 'text',
      MsgId: 1,
      Content: TEXT,
    };
    const options = { appid: TEST_ACCOUNT, token: push.token, key: push.encodingAesKey };
    expect((await world.push(receiver, fields, options)).body).toBe('success');
    expect(seen).toMatchObject([{ appid: TEST_ACCOUNT, component: undefined }]);
  });

  test.each([TEXT, `QUERY_AUTH_CODE:${CODE}`])(
    'is what the check sends to a receiver without it: %s',
    async (Content) => {
      await using world = new CheckWorld();
      const { receiver, seen } = await receiving(world, { releaseCheck: false });
      expect((await world.send(receiver, { Content })).body).toBe('success');
      expect(seen).toMatchObject([{ to: TEST_NAME }]);
      expect(world.platform.countOf('api_get_authorizer_info')).toBe(0);
    },
  );
});

describe('the receiver of a handler', () => {
  test.each([
    [undefined, `${TEXT}_callback`],
    [true, `${TEXT}_callback`],
    [false, undefined],
  ])('answers the check unless it is told not to: %s', async (releaseCheck, content) => {
    await using world = new CheckWorld();
    const { tokens } = await receiving(world);
    const option = releaseCheck === undefined ? {} : { releaseCheck };
    const handler = createHandler(tokens, { contracts: ['push'], anonymous: true, ...option });
    const receive = async ({ component, appid, query, body }: PushRequest): Promise<PushAnswer> => {
      const request = new Request(`http://tokens.test/push/${component}/${appid}?${query}`, { method: 'POST', body });
      const response = await handler.fetch(request);
      return { status: response.status, contentType: '', body: await response.text() };
    };
    const answer = await world.send({ receive }, { Content: TEXT });
    expect(content === undefined ? answer.body : world.textIn(answer, 'Content')).toBe(content ?? 'success');
    expect([(await world.sendCode({ receive })).status, await world.stored()]).toEqual([
      200,
      content === undefined ? [] : [expect.anything()],
    ]);
  });
});
