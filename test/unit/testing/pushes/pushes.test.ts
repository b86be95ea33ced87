import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  FakeClock,
  type FakePushAnswer,
  type FakePushFault,
  type FakePushFields,
  type FakePushSettings,
  FakeWeChat,
} from '../../../../src/testing/index.js';
import { AES_KEY, type PushServer, startPushServer, TOKEN } from './push-server.js';

const COMPONENT = 'wx0000000000000001';
const MERCHANT = 'wx0000000000000002';
const HOUR_MS = 3_600_000;
const TEXT = { MsgType: 'text', Content: 'canary-message' };
const SIGNATURE = /^[0-9a-f]{40}$/;

let clock: FakeClock;
let wechat: FakeWeChat;
let server: PushServer;

beforeEach(async () => {
  clock = new FakeClock();
  wechat = await FakeWeChat.start({ clock });
  server = await startPushServer(COMPONENT);
  setPush();
});

afterEach(async () => {
  await wechat.close();
  await server.close();
});

function setPush(more: Partial<FakePushSettings> = {}): void {
  const authorizerUrl = `${server.url}/push/${COMPONENT}/$APPID$`;
  const settings = { url: `${server.url}/push`, authorizerUrl, token: TOKEN, encodingAesKey: AES_KEY, ...more };
  wechat.setPush(COMPONENT, settings);
}

function setPlain(more: Partial<FakePushSettings> = {}): void {
  wechat.setPush(COMPONENT, { url: `${server.url}/push`, token: TOKEN, ...more });
}

function replyWith(body: (request: { readonly body: Buffer }) => string, status = 200): void {
  server.answer = (response, request) => void response.writeHead(status).end(body(request));
}

async function exchange(code: unknown): Promise<Record<string, unknown>> {
  const component_verify_ticket = wechat.pushVerifyTicket(COMPONENT);
  const component = { component_appid: COMPONENT, component_appsecret: 'secret', component_verify_ticket };
  const { component_access_token } = await post('api_component_token', component);
  const body = { component_appid: COMPONENT, authorization_code: code };
  return post(`api_query_auth?component_access_token=${component_access_token}`, body);
}

async function post(path: string, body: object): Promise<Record<string, unknown>> {
  const init = { method: 'POST', body: JSON.stringify(body) };
  return (await (await fetch(`${wechat.origin}/cgi-bin/component/${path}`, init)).json()) as Record<string, unknown>;
}

describe('a ticket', () => {
  test('a pushed ticket arrives encrypted, and a platform gets a token for it', async () => {
    const answer = await wechat.push(COMPONENT, { InfoType: 'component_verify_ticket' });
    expect(answer).toMatchObject({ status: 200, body: 'success', reply: undefined, isAccepted: true });
    const element = server.lastElement();
    expect(element.textOf('AppId')).toBe(COMPONENT);
    expect(element.textOf('InfoType')).toBe('component_verify_ticket');
    expect(element.textOf('CreateTime')).toBe(String(clock.now() / 1_000));
    const component_verify_ticket = element.textOf('ComponentVerifyTicket');
    expect(answer.pushed).toMatchObject({ AppId: COMPONENT, ComponentVerifyTicket: component_verify_ticket });
    expect(wechat.isValid(String(component_verify_ticket))).toBe(true);
    const body = { component_appid: COMPONENT, component_appsecret: 'secret', component_verify_ticket };
    expect(await post('api_component_token', body)).toHaveProperty('component_access_token');
  });

  test('a push arrives as WeChat sends it', async () => {
    setPush({ url: `${server.url}/push?env=test` });
    await wechat.push(COMPONENT, { InfoType: 'component_verify_ticket' });
    const { method, path, query, headers, body } = server.last();
    expect([method, path, query.get('env')]).toEqual(['POST', '/push', 'test']);
    expect(headers).toMatchObject({ 'content-type': 'text/xml', 'user-agent': 'Mozilla/4.0', accept: '*/*' });
    expect(query.get('timestamp')).toBe(String(clock.now() / 1_000));
    expect(query.get('nonce')).toMatch(/^\d{9,10}$/);
    expect(query.get('encrypt_type')).toBe('aes');
    expect(query.get('signature')).toMatch(SIGNATURE);
    expect(query.get('msg_signature')).toMatch(SIGNATURE);
    expect(query.has('openid')).toBe(false);
    const [head, tail] = [`<xml><AppId><![CDATA[${COMPONENT}]]></AppId><Encrypt><![CDATA[`, ']]></Encrypt></xml>'];
    expect(body.toString().startsWith(head)).toBe(true);
    expect(body.toString().endsWith(tail)).toBe(true);
    expect(body.toString()).not.toContain('ticket');
  });

  test('a ticket that a test created before is pushed as it is', async () => {
    const ComponentVerifyTicket = wechat.pushVerifyTicket(COMPONENT);
    await wechat.push(COMPONENT, { InfoType: 'component_verify_ticket', ComponentVerifyTicket });
    expect(server.lastElement().textOf('ComponentVerifyTicket')).toBe(ComponentVerifyTicket);
  });

  test('only success is an accepted answer to what is pushed to a platform', async () => {
    const push = async (): Promise<boolean> =>
      (await wechat.push(COMPONENT, { InfoType: 'component_verify_ticket' })).isAccepted;
    replyWith(() => '');
    expect(await push()).toBe(false);
    replyWith(() => server.encrypted('<xml><MsgType>text</MsgType></xml>'));
    expect(await push()).toBe(false);
    replyWith(() => 'success', 500);
    expect(await push()).toBe(false);
  });
});

describe('an authorization', () => {
  test.each(['authorized', 'updateauthorized'])('%s carries a code that can be exchanged', async (InfoType) => {
    const { pushed } = await wechat.push(COMPONENT, { InfoType, AuthorizerAppid: MERCHANT });
    const element = server.lastElement();
    const code = element.requiredTextOf('AuthorizationCode');
    expect(element.textOf('AuthorizerAppid')).toBe(MERCHANT);
    expect(element.textOf('AuthorizationCodeExpiredTime')).toBe(String((clock.now() + HOUR_MS) / 1_000));
    expect(wechat.isValid(element.requiredTextOf('PreAuthCode'))).toBe(true);
    expect(Object.keys(pushed)).toEqual([
      'AppId',
      'CreateTime',
      'InfoType',
      'AuthorizerAppid',
      'AuthorizationCode',
      'AuthorizationCodeExpiredTime',
      'PreAuthCode',
    ]);
    expect(pushed['AuthorizationCode']).toBe(code);
    expect(await exchange(code)).toMatchObject({ authorization_info: { authorizer_appid: MERCHANT } });
  });

  test('a code that a test created before is pushed with its end', async () => {
    const AuthorizationCode = wechat.createAuthorizationCode(COMPONENT, MERCHANT);
    await clock.advance(60_000);
    await wechat.push(COMPONENT, { InfoType: 'authorized', AuthorizerAppid: MERCHANT, AuthorizationCode });
    const element = server.lastElement();
    expect(element.textOf('AuthorizationCode')).toBe(AuthorizationCode);
    expect(element.textOf('AuthorizationCodeExpiredTime')).toBe(String((clock.now() + HOUR_MS - 60_000) / 1_000));
  });

  test('pushes of the same second, and out of order, carry the times that a test gives', async () => {
    const CreateTime = clock.now() / 1_000 - 30;
    await wechat.push(COMPONENT, { InfoType: 'authorized', AuthorizerAppid: MERCHANT, CreateTime });
    await wechat.push(COMPONENT, { InfoType: 'unauthorized', AuthorizerAppid: MERCHANT, CreateTime });
    const [first, second] = server.received;
    expect(server.read(first as never)).toContain(`<CreateTime>${CreateTime}</CreateTime>`);
    expect(server.read(second as never)).toContain(`<CreateTime>${CreateTime}</CreateTime>`);
    expect(server.last().query.get('timestamp')).toBe(String(clock.now() / 1_000));
  });

  test('unauthorized ends nothing by itself', async () => {
    const refreshToken = wechat.authorizeMerchant(COMPONENT, MERCHANT);
    await wechat.push(COMPONENT, { InfoType: 'unauthorized', AuthorizerAppid: MERCHANT });
    expect(server.lastElement().textOf('InfoType')).toBe('unauthorized');
    expect(server.lastElement().child('AuthorizationCode')).toBeUndefined();
    expect(wechat.isValid(refreshToken)).toBe(true);
  });

  test('another InfoType arrives with nested and repeated fields', async () => {
    const info = { name: 'Shop ]]> & Co', code: '', code_type: 1 };
    await wechat.push(COMPONENT, {
      InfoType: 'notify_third_fasteregister',
      appid: MERCHANT,
      status: 0,
      info,
      List: [{ TemplateId: 't1' }, { TemplateId: 't2' }],
    });
    const element = server.lastElement();
    expect(element.textOf('status')).toBe('0');
    expect(element.child('info')?.textOf('name')).toBe(info.name);
    expect(element.child('info')?.textOf('code')).toBe('');
    expect(element.children.get('List')?.map((one) => one.textOf('TemplateId'))).toEqual(['t1', 't2']);
  });

  test('a field that is undefined is left out', async () => {
    const AuthorizationCode = undefined;
    await wechat.push(COMPONENT, { InfoType: 'authorized', AuthorizerAppid: MERCHANT, AuthorizationCode });
    expect(server.lastElement().child('AuthorizationCode')).toBeUndefined();
    await wechat.push(COMPONENT, { InfoType: 'component_verify_ticket', CreateTime: undefined });
    expect(server.lastElement().child('CreateTime')).toBeUndefined();
  });
});

describe('a message', () => {
  test('a message is addressed to the account, from a user, with an id of its own', async () => {
    await wechat.push(COMPONENT, TEXT);
    const element = server.lastElement();
    expect(element.textOf('ToUserName')).toMatch(/^gh_[0-9a-f]{12}$/);
    expect(element.textOf('FromUserName')).toBe('oFollower-1');
    expect(element.textOf('Content')).toBe('canary-message');
    expect(element.textOf('MsgId')).toMatch(/^[1-9]\d{18}$/);
    expect(server.last().query.get('openid')).toBe('oFollower-1');
    expect(server.last().body.toString()).toContain('<ToUserName>');
    expect(server.last().body.toString()).not.toContain('canary-message');
    const { pushed } = await wechat.push(COMPONENT, TEXT);
    expect(pushed['MsgId']).not.toBe(element.textOf('MsgId'));
  });

  test('an event has no id', async () => {
    await wechat.push(COMPONENT, { MsgType: 'event', Event: 'subscribe', FromUserName: 'oUser' });
    const element = server.lastElement();
    expect(element.textOf('Event')).toBe('subscribe');
    expect(element.textOf('FromUserName')).toBe('oUser');
    expect(element.child('MsgId')).toBeUndefined();
  });

  test('a message for an authorizer goes to its own path, encrypted for the platform', async () => {
    wechat.setAccount(MERCHANT, { userName: 'gh_3c884a361561' });
    const answer = await wechat.push(COMPONENT, TEXT, { authorizer: MERCHANT });
    expect(server.last().path).toBe(`/push/${COMPONENT}/${MERCHANT}`);
    expect(server.lastElement().textOf('ToUserName')).toBe('gh_3c884a361561');
    expect(answer.isAccepted).toBe(true);
  });

  test('an encrypted reply is decrypted', async () => {
    const reply = '<xml><MsgType><![CDATA[news]]></MsgType><Articles><item><Title>A</Title></item></Articles></xml>';
    replyWith(() => server.encrypted(reply));
    const answer = await wechat.push(COMPONENT, TEXT);
    expect(answer).toMatchObject({
      isAccepted: true,
      reply: { MsgType: 'news', Articles: { item: { Title: 'A' } } },
    });
    expect(answer.body).toContain('<MsgSignature>');
  });

  test('items of one name are several in a reply', async () => {
    replyWith(() => server.encrypted('<xml><item>A</item><item>B</item></xml>'));
    expect((await wechat.push(COMPONENT, TEXT)).reply).toEqual({ item: ['A', 'B'] });
  });

  test.each([
    ['in clear', () => '<xml><MsgType>text</MsgType></xml>'],
    ['signed with another token', () => server.encrypted('<xml/>', { token: 'other' })],
    ['for another receiver', () => server.encrypted('<xml/>', { receiverId: MERCHANT })],
    ['in another format', () => server.encrypted('{}', { format: 'json' })],
    ['that is no XML', () => server.encrypted('canary-reply')],
  ])('an encrypted push is not answered by a reply %s', async (_what, reply) => {
    replyWith(reply);
    const answer = await wechat.push(COMPONENT, TEXT);
    expect(answer).toMatchObject({ status: 200, reply: undefined, isAccepted: false });
  });

  test.each([
    ['', 200, true],
    ['success', 200, true],
    ['success', 500, false],
    ['', 204, false],
  ])('the answer %j with status %i is accepted: %s', async (body, status, isAccepted) => {
    replyWith(() => body, status);
    expect(await wechat.push(COMPONENT, TEXT)).toMatchObject({ status, body, isAccepted });
  });

  test('in plain mode a message and its reply are in clear', async () => {
    setPlain();
    replyWith(() => '<xml><MsgType><![CDATA[text]]></MsgType></xml>');
    const answer = await wechat.push(COMPONENT, TEXT);
    expect(server.last().query.has('msg_signature')).toBe(false);
    expect(server.last().query.has('encrypt_type')).toBe(false);
    expect(server.lastElement().textOf('Content')).toBe('canary-message');
    expect(answer).toMatchObject({ reply: { MsgType: 'text' }, isAccepted: true });
  });

  test('in plain mode a key may be set', async () => {
    setPlain({ encodingAesKey: AES_KEY, mode: 'plain' });
    await wechat.push(COMPONENT, TEXT);
    expect(server.last().body.toString()).toContain('canary-message');
  });

  test('in compatible mode the envelope repeats the message in clear', async () => {
    setPush({ mode: 'compatible' });
    await wechat.push(COMPONENT, TEXT);
    expect(server.last().body.toString()).toContain('<Content><![CDATA[canary-message]]></Content>');
    expect(server.lastElement().textOf('Content')).toBe('canary-message');
  });

  test('messages in JSON have a number for an id, whose digits are kept, and are replied to in JSON', async () => {
    setPush({ format: 'json' });
    replyWith(() => server.encrypted('{"MsgType":"text","Content":"Hello"}', { format: 'json' }));
    const answer = await wechat.push(COMPONENT, { ...TEXT, MsgId: '4561255354251345929' });
    expect(server.last().headers['content-type']).toBe('application/json');
    expect(Object.keys(JSON.parse(server.last().body.toString()))).toEqual(['ToUserName', 'Encrypt']);
    expect(server.read(server.last())).toContain('"MsgId":4561255354251345929}');
    expect(answer).toMatchObject({ reply: { MsgType: 'text', Content: 'Hello' }, isAccepted: true });
    replyWith(() => server.encrypted('[]', { format: 'json' }));
    expect(await wechat.push(COMPONENT, TEXT)).toMatchObject({ reply: undefined, isAccepted: false });
  });

  test('a platform is pushed XML whatever the format of messages', async () => {
    setPush({ format: 'json' });
    await wechat.push(COMPONENT, { InfoType: 'unauthorized', AuthorizerAppid: MERCHANT });
    expect(server.lastElement().textOf('AuthorizerAppid')).toBe(MERCHANT);
  });
});

describe('a broken push', () => {
  test.each([TEXT, { InfoType: 'component_verify_ticket' }])('a wrong signature covers %j', async (content) => {
    await wechat.push(COMPONENT, content, { fault: 'wrong-signature' });
    expect(server.read(server.last())).toBe('wrong signature');
    expect(server.last().query.get('msg_signature')).toMatch(SIGNATURE);
    setPlain();
    await wechat.push(COMPONENT, TEXT, { fault: 'wrong-signature' });
    expect(server.read(server.last())).toBe('wrong signature');
    expect(server.last().query.get('signature')).toMatch(SIGNATURE);
  });

  test('a push may be signed for another time', async () => {
    await wechat.push(COMPONENT, TEXT, { sentAt: clock.now() - HOUR_MS });
    expect(server.last().query.get('timestamp')).toBe(String((clock.now() - HOUR_MS) / 1_000));
    expect(server.lastElement().textOf('CreateTime')).toBe(String(clock.now() / 1_000));
  });

  test('a push may be encrypted for another receiver, with a proper signature', async () => {
    await wechat.push(COMPONENT, TEXT, { fault: 'other-receiver' });
    expect(server.read(server.last())).toMatch(/^refused: .*receiver/);
  });

  test('a push may be cut', async () => {
    await wechat.push(COMPONENT, TEXT, { fault: 'cut' });
    expect(server.read(server.last())).toMatch(/^refused: /);
    expect(server.last().headers['content-length']).toBe(String(server.last().body.length));
    setPlain();
    await wechat.push(COMPONENT, TEXT, { fault: 'cut' });
    expect(server.read(server.last())).toMatch(/^<xml>/);
    expect(server.read(server.last())).not.toContain('</xml>');
  });

  test.each([1, 3, 1_000])('%i bytes of a message are others, which are signed', async (garbledBytes) => {
    const content = { ...TEXT, MsgId: '4561255354251345929' };
    await wechat.push(COMPONENT, content);
    const proper = Buffer.from(server.read(server.last()), 'utf8');
    for (const set of [setPush, setPlain]) {
      set();
      await wechat.push(COMPONENT, content, { fault: { garbledBytes } });
      const decrypted = server.read(server.last());
      expect(decrypted).not.toMatch(/^(wrong signature|refused)/);
      expect(decrypted).not.toBe(proper.toString());
    }
    const garbled = server.last().body;
    expect(garbled).toHaveLength(proper.length);
    const changed = garbled.filter((byte, index) => byte !== proper[index]).length;
    expect(changed).toBe(Math.min(garbledBytes, proper.length));
  });

  test('an exact repetition is the same request', async () => {
    const first = await wechat.push(COMPONENT, { InfoType: 'authorized', AuthorizerAppid: MERCHANT });
    await clock.advance(5_000);
    replyWith(() => 'canary-failure', 500);
    const second = await first.repeat();
    expect(second).toMatchObject({ status: 500, body: 'canary-failure', isAccepted: false, pushed: first.pushed });
    await second.repeat();
    const [one, two, three] = server.received;
    expect(one).toBeDefined();
    expect([two, three]).toEqual([one, one]);
  });
});

describe('a check of the URL', () => {
  test('a check in clear is signed, and passes when the text comes back', async () => {
    replyWith(() => '');
    expect(await wechat.checkPushUrl(COMPONENT)).toMatchObject({ status: 200, isAccepted: false });
    server.answer = (response, { query }) => void response.end(query.get('echostr'));
    const answer = await wechat.checkPushUrl(COMPONENT);
    const { method, path, query } = server.last();
    expect([method, path]).toEqual(['GET', '/push']);
    expect(query.has('msg_signature')).toBe(false);
    expect(server.read(server.last())).toBe('');
    expect(answer).toMatchObject({ isAccepted: true, pushed: { echostr: query.get('echostr') } });
    expect(answer.body).toBe(query.get('echostr'));
  });

  test('an encrypted check passes when the decrypted text comes back', async () => {
    server.answer = (response, { query }) => void response.end(query.get('echostr'));
    expect((await wechat.checkPushUrl(COMPONENT, { encrypted: true })).isAccepted).toBe(false);
    server.answer = (response, request) => void response.end(server.read(request));
    const answer = await wechat.checkPushUrl(COMPONENT, { encrypted: true, authorizer: MERCHANT });
    expect(answer.isAccepted).toBe(true);
    expect(server.last().path).toBe(`/push/${COMPONENT}/${MERCHANT}`);
    expect(answer.pushed['echostr']).toBe(answer.body);
  });

  test('a check with the wrong text is not passed with another status either', async () => {
    server.answer = (response, { query }) => void response.writeHead(500).end(query.get('echostr'));
    expect(await wechat.checkPushUrl(COMPONENT)).toMatchObject({ status: 500, isAccepted: false });
  });

  test.each<[FakePushFault, RegExp]>([
    ['wrong-signature', /^wrong signature$/],
    ['other-receiver', /^refused/],
    ['cut', /^wrong signature$/],
    [{ garbledBytes: 2 }, /^.{19}$/s],
  ])('a check with the fault %j is as broken as a push', async (fault, read) => {
    const { pushed } = await wechat.checkPushUrl(COMPONENT, { encrypted: true, fault });
    expect(server.read(server.last())).toMatch(read);
    expect(server.read(server.last())).not.toBe(pushed['echostr']);
  });

  test('a check in clear may be signed wrongly, late or cut', async () => {
    await wechat.checkPushUrl(COMPONENT, { fault: 'wrong-signature', sentAt: clock.now() - HOUR_MS });
    expect(server.read(server.last())).toBe('wrong signature');
    expect(server.last().query.get('timestamp')).toBe(String((clock.now() - HOUR_MS) / 1_000));
    const { pushed } = await wechat.checkPushUrl(COMPONENT, { fault: 'cut' });
    expect(server.last().query.get('echostr')).toHaveLength(Math.floor(String(pushed['echostr']).length / 2));
  });
});

describe('a push that gets no answer', () => {
  test('a push to a server that is not there is rejected', async () => {
    await server.close();
    await expect(wechat.push(COMPONENT, TEXT)).rejects.toThrow('the push was not answered: ECONNREFUSED');
    server = await startPushServer(COMPONENT);
  });

  test('a push is given up after five seconds of the clock', async () => {
    const arrived = new Promise<void>((resolve) => {
      server.answer = (response) => {
        response.write('succ');
        resolve();
      };
    });
    const push = wechat.push(COMPONENT, TEXT);
    const given = expect(push).rejects.toThrow('the push was not answered within 5 s');
    await arrived;
    await clock.advance(4_999);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1);
    await given;
    expect(clock.pendingTimers).toBe(0);
  });

  test('a push is rejected when its connection is cut', async () => {
    server.answer = (response) => void response.socket?.destroy();
    await expect(wechat.push(COMPONENT, TEXT)).rejects.toThrow('the push was not answered: ECONNRESET');
    expect(clock.pendingTimers).toBe(0);
  });

  test('a push is rejected when the fake is closed', async () => {
    const arrived = new Promise<void>((resolve) => {
      server.answer = () => resolve();
    });
    const given = expect(wechat.push(COMPONENT, TEXT)).rejects.toThrow('before the fake was closed');
    await arrived;
    await wechat.close();
    await given;
  });
});

describe('misuse', () => {
  test('a push requires settings', async () => {
    await expect(wechat.push(MERCHANT, TEXT)).rejects.toThrow(
      new TypeError(`setPush has to be called for "${MERCHANT}" before a push`),
    );
    await expect(wechat.checkPushUrl(MERCHANT)).rejects.toThrow(TypeError);
  });

  test('what needs another setting is refused', async () => {
    setPlain();
    await expect(wechat.push(COMPONENT, TEXT, { authorizer: MERCHANT })).rejects.toThrow('authorizerUrl');
    await expect(wechat.push(COMPONENT, TEXT, { fault: 'other-receiver' })).rejects.toThrow(TypeError);
    await expect(wechat.checkPushUrl(COMPONENT, { encrypted: true })).rejects.toThrow('encodingAesKey');
    expect(server.received).toEqual([]);
  });

  test.each<[string, Record<string, unknown>]>([
    ['url', { url: 'https://canary-url.test/' }],
    ['url', { url: undefined }],
    ['url', { url: 'canary-url' }],
    ['authorizerUrl', { authorizerUrl: '/canary-url' }],
    ['token', { token: 'canary token' }],
    ['encodingAesKey', { encodingAesKey: 'canary-key' }],
    ['encodingAesKey', { encodingAesKey: undefined, mode: 'encrypted' }],
    ['mode', { mode: 'canary mode' }],
    ['format', { format: 'canary format' }],
    ['unknown', { unknown: 'canary' }],
  ])('the setting %s is refused if it is wrong, without being shown: %j', (name, changes) => {
    const error = thrownBy(() => setPush(changes as Partial<FakePushSettings>));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toContain(name);
    expect(inspect(error)).not.toMatch(/canary(-| t|KEY)/);
  });
});

describe('secrets', () => {
  test('neither errors nor the fake show the token, the key or the message', async () => {
    const shown: unknown[] = [wechat];
    const wrong: FakePushFields = { ...TEXT, Secret: true as never };
    const pushes: (() => Promise<FakePushAnswer>)[] = [
      () => wechat.push(COMPONENT, wrong),
      () => wechat.push(COMPONENT, { ...TEXT, Content: 'canary-message\u0000' }),
      () => wechat.push(COMPONENT, { ...TEXT, 'canary name': '' }),
      () => wechat.push(COMPONENT, TEXT),
    ];
    server.answer = (response) => void response.socket?.destroy();
    for (const push of pushes) shown.push(await push().catch((error: unknown) => error));
    expect(shown.slice(1).every((error) => error instanceof Error)).toBe(true);
    const text = shown.map((value) => inspect(value, { depth: 9, showHidden: true })).join('\n');
    for (const secret of [TOKEN, AES_KEY, 'canary-message', server.last().query.get('msg_signature')]) {
      expect(text).not.toContain(secret);
    }
  });
});

function thrownBy(act: () => void): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
