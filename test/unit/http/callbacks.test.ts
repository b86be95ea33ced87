import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engineOf } from '../../../src/core/engine/engine-of.js';
import {
  appSecretOf,
  createCallbacks,
  createHandler,
  type HandlerOptions,
  verifyWebhook,
} from '../../../src/http/index.js';
import { HttpWorld } from '../../support/worlds/http-world.js';
import { APPID, SECRET } from '../../support/worlds/world.js';

interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

let world: HttpWorld;
let business: Server;
let origin: string;
let received: Received[];
let answer: string;

beforeEach(async () => {
  received = [];
  answer = '{}';
  business = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      received.push({
        method: request.method,
        url: request.url,
        headers: request.headers as Received['headers'],
        body,
      });
      response.end(answer);
    });
  });
  await new Promise<void>((resolve) => business.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(business.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  business.closeAllConnections();
  await new Promise((resolve) => business.close(resolve));
});

function start(options: Partial<HandlerOptions> = {}): HttpWorld {
  world = new HttpWorld({ contracts: ['scheduler', 'native'], ...options });
  return world;
}

function registe(...tasks: object[]): Promise<{ body: unknown }> {
  return world.ask('/registe', { body: { appid: APPID, appsecret: SECRET, tasks } });
}

/** The clock moves until the token has been delivered. */
async function delivered(): Promise<Received> {
  const told = new Promise((resolve) => world.tokens.once('delivered', resolve));
  await world.clock.advance(1_000);
  await told;
  return received.at(-1) as Received;
}

const SUCCESS = { code: 200, message: '', result: 'success' };

describe('notify of the scheduler contract', () => {
  it("the notify URL gets the token with appid and type in its query and WeChat's answer as its body", async () => {
    start();
    world.wechat.always = { value: 'A', result: { access_token: 'A', expires_in: 7_200 } };
    expect((await registe({ type: 0, notify: `${origin}/cb?a=b%20c` })).body).toEqual(SUCCESS);
    const { method, url, headers, body } = await delivered();
    expect([method, url, headers['content-type'], body]).toEqual([
      'POST',
      `/cb?a=b%20c&appid=${APPID}&type=0`,
      'application/json',
      '{"access_token":"A","expires_in":7200}',
    ]);
    const tasks = (await world.ask('/tokens')).body as { tasks: object[] };
    expect(tasks.tasks).toMatchObject([{ delivery: { state: 'delivered', attempts: 0 } }]);
  });

  it.each([
    [false, 1, 'jsapi_ticket', 'ticket'],
    [true, 2, 'jsapi_ticket', 'ticket'],
    [false, 2, 'oauth2_access_token', 'access_token'],
    [true, 1, 'oauth2_access_token', 'access_token'],
  ] as const)(
    'with legacyTypeNumbers %s the notify URL has the number %i that was registered: %s',
    async (legacyTypeNumbers, number, type, field) => {
      start({ legacyTypeNumbers });
      await registe({ type: number, notify: origin });
      await world.tokens.put(APPID, type, { value: 'V', expiresInSeconds: 60 });
      const { url, body } = await delivered();
      expect([url, body]).toEqual([`/?appid=${APPID}&type=${number}`, `{"${field}":"V","expires_in":60}`]);
    },
  );

  it('a notify URL is removed by a registration with an empty one or none', async () => {
    start();
    for (const without of [{ type: 0, notify: '' }, { type: 0 }]) {
      await registe({ type: 0, notify: origin });
      await registe(without);
      const tasks = (await world.ask('/tokens')).body as { tasks: { delivery?: object }[] };
      expect(tasks.tasks.map(({ delivery }) => delivery)).toEqual([undefined]);
    }
  });

  it('a notification is signed with the secret derived for the app', async () => {
    const secret = Buffer.alloc(32, 7);
    start({ notifySecret: secret });
    await registe({ type: 0, notify: origin });
    const { headers, body } = await delivered();
    const check = { headers, body, secret: appSecretOf(secret, APPID), now: () => world.clock.now() };
    expect(verifyWebhook(check)).toMatchObject({ id: headers['webhook-id'] });
  });
});

describe('params of the scheduler contract', () => {
  it.each([
    [false, 2],
    [true, 1],
  ])('with legacyTypeNumbers %s the params URL is asked with number %i', async (legacyTypeNumbers, number) => {
    start({ legacyTypeNumbers });
    answer = '{"refresh_token":7}';
    await registe({ type: number, subject: 'openid-1', params: `${origin}/p` });
    const { body } = await world.ask(`/task/${APPID}/${number}?subject=openid-1`);
    expect(body).toMatchObject({ code: 424, result: null });
    expect(received[0]).toMatchObject({ method: 'GET', url: `/p?appid=${APPID}&type=${number}&subject=openid-1` });
  });

  it('the params of type 4 without a subject have to name the authorizer', async () => {
    start();
    answer = '{"authorizer_refresh_token":"R","component_access_token":"C"}';
    await registe({ type: 4, params: origin });
    expect((await world.ask(`/task/${APPID}/4`)).body).toMatchObject({
      code: 424,
      message: expect.stringContaining('authorizer_appid'),
    });
  });
});

describe('callbacks to the server itself', () => {
  it.each([{ trust: ['127.0.0.0/8', '::1'] }, { anonymous: true }])(
    'a callback to the server itself gets no access, although other clients need no key: %j',
    async (access) => {
      world = new HttpWorld({ contracts: ['scheduler', 'wetoken'] });
      const tokens = world.manager();
      const handler = createHandler(tokens, { contracts: ['scheduler', 'wetoken'], ...access });
      const server = createServer(handler.node);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const own = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      await tokens.register({ appid: 'wxvictim', secret: 'theirs', tasks: ['access_token'] });
      await tokens.get('wxvictim', 'access_token');
      const registered = async (params: string): Promise<unknown> => {
        const body = JSON.stringify({
          appid: APPID,
          appsecret: SECRET,
          tasks: [{ type: 1, params: `${own}${params}` }],
        });
        await fetch(`${own}/registe`, { method: 'POST', body });
        return (await fetch(`${own}/task/${APPID}/1`)).json();
      };
      expect(await registered('/wxvictim/wechat/token/get')).toMatchObject({ code: 424, result: null });
      expect(await registered('/wechat/app/create?appid=wxvictim&secret=EVIL')).toMatchObject({ code: 424 });
      const secret = engineOf(tokens).registry.app('wxvictim')?.secret;
      expect(secret).toBe('theirs');
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  );
});

describe('rules of callbacks in createHandler', () => {
  it.each([
    [{ publicOnly: true }, 'loopback addresses are refused'],
    [{ allowHosts: ['*.example.com'] }, 'must name one of the allowed hosts'],
  ])('a URL that breaks the rules %j is refused, and none of the registration is stored', async (options, message) => {
    start(options);
    const { body } = await registe({ type: 0 }, { type: 1, notify: origin });
    expect(body).toMatchObject({ code: 400, result: null, message: expect.stringContaining(message) });
    const put = { body: { secret: SECRET, tasks: [{ type: 'access_token', notify: origin }] }, method: 'PUT' };
    expect(await world.ask(`/apps/${APPID}`, put)).toMatchObject({ status: 400 });
    expect(world.tokens.hasTask(APPID, 'access_token')).toBe(false);
  });

  it('createHandler keeps the rules of an earlier createCallbacks and rejects its own', () => {
    start();
    const tokens = world.manager();
    createCallbacks(tokens, { allowHosts: ['a.test'] });
    expect(() => createHandler(tokens, { anonymous: true, publicOnly: true })).toThrow(
      'attached to this manager already',
    );
    expect(() => createHandler(tokens, { anonymous: true })).not.toThrow();
  });

  it('legacyTypeNumbers has to be the same for createHandler and createCallbacks', () => {
    start();
    const tokens = world.manager();
    createCallbacks(tokens);
    const legacy = (): unknown => createHandler(tokens, { anonymous: true, legacyTypeNumbers: true });
    expect(legacy).toThrow('legacyTypeNumbers must be the same');
  });

  it('wrong callback rules are rejected before anything is attached', () => {
    start();
    const tokens = world.manager();
    const create = (options: object) => () => createHandler(tokens, { anonymous: true, ...options });
    expect(create({ allowHosts: 'a.test' })).toThrow('allowHosts must be an array');
    expect(create({ publicOnly: 1 })).toThrow('publicOnly must be a boolean');
    expect(create({ notifySecret: 'CANARY' })).toThrow(/^notifySecret: (?!.*CANARY)/);
    expect(create({})).not.toThrow();
  });
});
