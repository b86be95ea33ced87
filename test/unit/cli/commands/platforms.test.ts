import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import { type CommandResult, type CommandWorld, runCommand } from '../../../support/servers/command-line.js';
import { APP_SECRET, TokenServer } from '../../../support/servers/token-server.js';

const COMPONENT = 'wx00000000000000c0';
const [FIRST, SECOND] = ['wx00000000000000d1', 'wx00000000000000d2'] as const;
const USAGE = { code: 2, out: '' };

let server: TokenServer;

beforeEach(async () => {
  server = await TokenServer.start([COMPONENT], { contracts: ['scheduler', 'native', 'push'] });
  await server.tokens.register({ appid: COMPONENT, secret: APP_SECRET });
  const value = server.wechat.pushVerifyTicket(COMPONENT);
  await server.tokens.put(COMPONENT, 'component_verify_ticket', { value, expiresInSeconds: 43_200 });
  for (const merchant of [FIRST, SECOND]) server.wechat.authorizeMerchant(COMPONENT, merchant);
});
afterEach(() => server[Symbol.asyncDispose]());

function command(line: string, world: CommandWorld = {}): Promise<CommandResult> {
  return runCommand(line.split(' '), { ...world, env: { WECHAT_TOKENS_URL: server.url, ...world.env } });
}

describe('recover', () => {
  it('recover restores what the store lacks, and says how much that is', async () => {
    expect(await command(`recover ${COMPONENT}`)).toEqual({
      code: 0,
      out: 'restored 2 of 2 accounts; 0 were stored\n',
      err: '',
    });
    const { code, out } = await command(`recover ${COMPONENT} --json`);
    expect([code, JSON.parse(out)]).toMatchObject([0, { state: 'done', total: 2, present: 2, restored: 0 }]);
    expect(await server.tokens.get(COMPONENT, 'authorizer_access_token', { subject: FIRST })).not.toBe('');
  });

  it('recover of an app that is not registered fails', async () => {
    const { code, out, err } = await command('recover wxunknown');
    expect({ code, out, err }).toEqual({
      code: 1,
      out: '',
      err: 'wechat-token-manager: wxunknown is not registered (NOT_REGISTERED)\n',
    });
  });

  it('recover fails with the reason of WeChat', async () => {
    server.wechat.fail('/cgi-bin/component/api_get_authorizer_list', { errcode: 48001, errmsg: 'no right' });
    const { code, err } = await command(`recover ${COMPONENT}`);
    expect(code).toBe(1);
    expect(err).toMatch(/^wechat-token-manager: .*48001.*\n$/);
  });
});

describe('recover of a server that takes long', () => {
  const counts = { total: 900, present: 0, restored: 500, needAuthorization: 0 };
  const running = { state: 'running', startedAt: 1, ...counts };
  const interrupted = { ...running, state: 'interrupted' };
  const done = { ...running, state: 'done', restored: 898, needAuthorization: 2 };

  /** Starts a server that gives these answers, or closes the connection, one after another, and returns what it was asked. */
  async function answering(
    answers: readonly (object | 'close')[],
  ): Promise<{ readonly url: string; readonly asked: string[] }> {
    const asked: string[] = [];
    const left = [...answers];
    const listener: RequestListener = (request, response) => {
      asked.push(`${request.method} ${request.url}`);
      const answer = left.shift() ?? {};
      if (answer === 'close') {
        request.socket.destroy();
        return;
      }
      response.writeHead('state' in answer ? 200 : 503, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
    };
    const stub = createServer(listener).listen(0, '127.0.0.1');
    onTestFinished(() => void stub.close().closeAllConnections());
    await new Promise((resolve) => stub.once('listening', resolve));
    return { url: `http://127.0.0.1:${(stub.address() as AddressInfo).port}`, asked };
  }

  const POST = `POST /platform/${COMPONENT}/recover`;
  const GET = `GET /platform/${COMPONENT}/recover?wait=5`;

  it('recover shows how far a long recovery is, and begins one anew whose server has ended', async () => {
    const first = { ...running, total: 0, restored: 0 };
    const { url, asked } = await answering([first, running, interrupted, running, done]);
    const { code, out, err } = await command(`recover ${COMPONENT}`, { env: { WECHAT_TOKENS_URL: url } });
    expect({ code, out, err }).toEqual({
      code: 0,
      out: 'restored 898 of 900 accounts; 0 were stored, 2 have to authorize the platform again\n',
      err: '0 of the accounts\n500 of 900 accounts\n500 of 900 accounts\n',
    });
    expect(asked).toEqual([POST, GET, GET, POST, GET]);
  });

  it('recover asks again when the process of the server ends while it answers', async () => {
    const { url, asked } = await answering(['close', running, 'close', running, done]);
    const { code, out } = await command(`recover ${COMPONENT}`, { env: { WECHAT_TOKENS_URL: url } });
    expect([code, out]).toEqual([0, expect.stringMatching(/^restored 898 of 900 accounts/)]);
    expect(asked).toEqual([POST, POST, GET, POST, GET]);
  });

  it('recover gives up on a server that closes every connection', async () => {
    const { url, asked } = await answering(Array(30).fill('close'));
    const { code, err } = await command(`recover ${COMPONENT}`, { env: { WECHAT_TOKENS_URL: url } });
    expect(code).toBe(1);
    expect(err).toContain(`${url} cannot be reached (UND_ERR_SOCKET)`);
    expect(asked).toHaveLength(11);
  });

  it('recover fails as a long recovery does', async () => {
    const failed = { ...running, state: 'failed', code: 'UPSTREAM_REJECTED', detail: 'no', errcode: 48001 };
    const { url } = await answering([running, failed]);
    const { code, err } = await command(`recover ${COMPONENT}`, { env: { WECHAT_TOKENS_URL: url } });
    expect({ code, err }).toEqual({
      code: 1,
      err: '500 of 900 accounts\nwechat-token-manager: no (UPSTREAM_REJECTED, errcode 48001)\n',
    });
  });

  it('recover gives up where every recovery is interrupted', async () => {
    const { url, asked } = await answering(Array(30).fill(interrupted));
    const { code, err } = await command(`recover ${COMPONENT}`, { env: { WECHAT_TOKENS_URL: url } });
    expect({ code, err }).toEqual({
      code: 1,
      err: 'wechat-token-manager: the recovery was interrupted again and again\n',
    });
    expect(asked).toHaveLength(11);
  });
});

describe('authorizers and describe', () => {
  beforeEach(async () => {
    await command(`recover ${COMPONENT}`);
    server.wechat.setAccount(FIRST, { kind: 'mini-program', nickName: '茶店', principalName: 'Shop Ltd' });
  });

  it('authorizers of a platform without any says so', async () => {
    await server.tokens.register({ appid: 'wxempty', secret: APP_SECRET });
    expect(await command('authorizers wxempty')).toEqual({
      code: 0,
      out: '',
      err: 'no account has authorized wxempty\n',
    });
  });

  it('authorizers lists accounts in a table, with the names that were asked for', async () => {
    const { out } = await command(`authorizers ${COMPONENT}`);
    const day = /\d{4}-\d\d-\d\d/g;
    expect(out.replaceAll(day, 'DAY')).toBe(
      [
        'ACCOUNT             KIND  STATE       SINCE       PERMISSIONS  NAME',
        `${FIRST}  -     authorized  DAY  -            -`,
        `${SECOND}  -     authorized  DAY  -            -\n`,
      ].join('\n'),
    );
    const described = await command(`describe ${COMPONENT} ${FIRST}`);
    expect(described).toMatchObject({ code: 0, err: '' });
    expect(described.out).toMatch(
      /^account {6}wx00000000000000d1\nname {9}茶店\nkind {9}miniProgram\nstate {8}normal\n/,
    );
    expect(described.out).toContain('\nowner        Shop Ltd\n');
    const [, first, second] = (await command(`authorizers ${COMPONENT}`)).out.split('\n');
    expect(first).toMatch(/^wx00000000000000d1 {2}miniProgram {2}authorized .* 茶店$/);
    expect(second).toMatch(/-$/);
  });

  it('authorizers sorts the accounts, whatever the order of the store is', async () => {
    const { store } = engineOf(server.tokens);
    const list = store.list.bind(store);
    store.list = async function* (prefix, page) {
      const found = [];
      for await (const document of list(prefix, page)) found.push(document);
      yield* found.toReversed();
    };
    const { out } = await command(`authorizers ${COMPONENT} --json`);
    const appids = out.match(/wx00000000000000d\d/g);
    expect(appids).toEqual([FIRST, SECOND]);
  });

  it('authorizers --describe asks once for each name that is missing', async () => {
    const path = '/cgi-bin/component/api_get_authorizer_info';
    const { code, out } = await command(`authorizers ${COMPONENT} --describe --json`);
    const listed = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect([code, listed]).toMatchObject([0, [{ appid: FIRST, name: '茶店', kind: 'miniProgram' }, { appid: SECOND }]]);
    expect(listed[1].name).toEqual(expect.any(String));
    expect(server.wechat.countCalls(path)).toBe(2);
    await command(`authorizers ${COMPONENT} --describe`);
    expect(server.wechat.countCalls(path)).toBe(2);
  });

  it('authorizers --describe lists an account all the same that WeChat does not describe', async () => {
    server.wechat.withdrawAuthorization(COMPONENT, FIRST);
    const { code, out, err } = await command(`authorizers ${COMPONENT} --describe`);
    expect(code).toBe(0);
    expect(out).toContain(FIRST);
    expect(err).toMatch(/^wx00000000000000d1 cannot be described: .*61003.*\n$/);
  });

  it('describe --json prints the answer of the server', async () => {
    const { code, out } = await command(`describe ${COMPONENT} ${FIRST} --json`);
    expect([code, JSON.parse(out)]).toMatchObject([0, { appid: FIRST, name: '茶店', state: 'normal' }]);
  });

  it('describe of an account that is not in the list fails without a request to WeChat', async () => {
    const { code, err } = await command(`describe ${COMPONENT} wxstranger`);
    expect({ code, err }).toEqual({
      code: 1,
      err: `wechat-token-manager: no authorization of ${COMPONENT} by this account is known\n`,
    });
    expect(server.wechat.countCalls('/cgi-bin/component/api_get_authorizer_info')).toBe(0);
  });

  it('unregister removes a platform with its accounts only with --authorizers', async () => {
    const refused = await command(`unregister ${COMPONENT}`);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/^wechat-token-manager: 2 accounts have authorized .*authorizers.*\n$/);
    expect(await command(`unregister ${COMPONENT} --authorizers`)).toEqual({
      code: 0,
      out: `unregistered ${COMPONENT}\n`,
      err: '',
    });
    expect((await command(`authorizers ${COMPONENT}`)).code).toBe(1);
  });
});

it.each([
  ['recover', 'recover needs <platform>: recover <platform>'],
  ['recover a/b', /^appid must be/],
  ['describe wx1', 'describe needs <account>: describe <platform> <account>'],
  ['describe wx1 ..', 'account cannot be ..'],
  ['authorizers wx1 wx2', 'authorizers takes <platform>, got 2 arguments'],
  ['unregister wx1 access_token --authorizers', '--authorizers is for a whole app: unregister <appid>'],
])('%s is misuse', async (line, message) => {
  const { err, ...rest } = await command(line);
  expect(rest).toEqual(USAGE);
  const said = err.replace('wechat-token-manager: ', '').trimEnd();
  if (typeof message === 'string') expect(said).toBe(message);
  else expect(said).toMatch(message);
});
