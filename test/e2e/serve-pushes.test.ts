import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FakePushAnswer } from '../../src/testing/index.js';
import type { ServeProcess } from '../support/servers/serve-process.js';
import { AES_KEY, COMPONENT, PUSH_TOKEN, PushedPlatform } from '../support/worlds/pushed-platform.js';

const MERCHANT = 'wx00000000000000d1';
const OTHER = 'wx00000000000000d2';
/** One of the accounts by which WeChat checks a platform before its release. */
const TEST_ACCOUNT = 'wx9252c5e0bb1836fc';
const SEND = '/cgi-bin/message/custom/send';

let platform: PushedPlatform;
let server: ServeProcess;
/** What was pushed, and handed out, and must not be printed. */
let secrets: string[];

beforeEach(async () => {
  platform = await PushedPlatform.start();
  server = await platform.serve();
  secrets = [PUSH_TOKEN, AES_KEY, 'CANARY'];
  expect(await platform.register(server)).toBe(`registered ${COMPONENT}, with component_access_token`);
  platform.pushTo(server);
});

afterEach(async () => {
  await platform[Symbol.asyncDispose]();
  const printed = platform.printed();
  expect(secrets.filter((secret) => printed.includes(secret))).toEqual([]);
});

/** Notes the secrets of a push, and returns whether WeChat is content with the answer. */
function isAccepted({ pushed, isAccepted: accepted }: FakePushAnswer): boolean {
  for (const name of ['ComponentVerifyTicket', 'AuthorizationCode', 'PreAuthCode']) {
    if (typeof pushed[name] === 'string') secrets.push(pushed[name]);
  }
  return accepted;
}

/** Requests the token of the platform or a merchant until there is one, and returns it. */
async function tokenOf(merchant?: string): Promise<string> {
  await expect.poll(() => platform.task(server, merchant)).toMatchObject({ code: 200 });
  const { result } = await platform.task(server, merchant);
  secrets.push(String(result));
  return String(result);
}

test('a platform is served by what WeChat pushes, from the check of the URL to the end of an authorization', async () => {
  const { wechat } = platform;
  for (const encrypted of [false, true]) {
    expect((await wechat.checkPushUrl(COMPONENT, { encrypted })).isAccepted).toBe(true);
  }
  expect((await platform.task(server)).code).not.toBe(200);

  expect(isAccepted(await platform.pushTicket())).toBe(true);
  expect(wechat.isValid(await tokenOf())).toBe(true);

  expect(isAccepted(await platform.pushAuthorization(MERCHANT))).toBe(true);
  const first = await tokenOf(MERCHANT);
  expect(wechat.isValid(first)).toBe(true);

  const changed = await platform.push({ InfoType: 'updateauthorized', AuthorizerAppid: MERCHANT });
  expect(isAccepted(changed)).toBe(true);
  await expect.poll(() => tokenOf(MERCHANT)).not.toBe(first);
  expect(wechat.isValid(await tokenOf(MERCHANT))).toBe(true);
  expect(wechat.countCalls('/cgi-bin/component/api_query_auth')).toBe(2);

  wechat.withdrawAuthorization(COMPONENT, MERCHANT);
  const CreateTime = Number(changed.pushed['CreateTime']) + 1;
  const ended = await platform.push({ InfoType: 'unauthorized', AuthorizerAppid: MERCHANT, CreateTime });
  expect(isAccepted(ended)).toBe(true);
  await expect.poll(() => platform.task(server, MERCHANT)).toMatchObject({ code: 400, result: null });
  expect(await server.stop()).toBe(0);
});

/** Prints a list by the command, and returns its lines. */
async function listed(...options: readonly string[]): Promise<string> {
  const command = platform.world.command(['list', ...options, '--url', server.url]);
  expect(await command.exited).toBe(0);
  return command.lines.join('\n');
}

test('a platform whose tickets have stopped is in the log, the lists, the metrics and /readyz, until one comes', async () => {
  const obtained_at = Date.now() - 40.5 * 60_000;
  const old = await fetch(`${server.url}/tokens/${COMPONENT}/component_verify_ticket`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ value: 'CANARY-old-ticket', expires_in: 43_200, obtained_at }),
  });
  expect(old.status).toBe(200);
  const { appid, since, remedy } = await server.seen('verifyTicketMissing');
  expect([appid, since]).toEqual([COMPONENT, new Date(obtained_at).toISOString()]);
  expect(remedy).toContain('startPushTicket');

  const text = async (path: string): Promise<string> => (await fetch(`${server.url}${path}`)).text();
  const missing = 'wechat_token_manager_verify_tickets_missing';
  expect(await text('/metrics')).toContain(`\n${missing} 1\n`);
  expect(JSON.parse(await text('/readyz'))).toMatchObject({
    status: 'ready',
    platforms: { total: 1, ticketMissing: 1 },
  });
  expect(await listed()).toMatch(new RegExp(`${COMPONENT} +encrypted +1 +- +40m old: .*startPushTicket`));

  expect(isAccepted(await platform.pushTicket())).toBe(true);
  expect(await server.seen('recovered')).toMatchObject({ of: 'verifyTicketMissing' });
  expect(await text('/metrics')).toContain(`\n${missing} 0\n`);
  expect(JSON.parse(await listed('--apps', '--json'))).toMatchObject({
    appid: COMPONENT,
    push: { mode: 'encrypted', keys: 1, lastPushAt: expect.any(Number) },
    verifyTicket: { missing: false },
  });
});

test('a push with a wrong signature is refused with 401, and changes nothing', async () => {
  const ticket = await platform.wechat.push(
    COMPONENT,
    { InfoType: 'component_verify_ticket' },
    { fault: 'wrong-signature' },
  );
  const authorization = await platform.wechat.push(
    COMPONENT,
    { InfoType: 'authorized', AuthorizerAppid: MERCHANT },
    { fault: 'wrong-signature' },
  );
  for (const answer of [ticket, authorization]) {
    expect(isAccepted(answer)).toBe(false);
    expect(answer.status).toBe(401);
    for (const secret of secrets) expect(answer.body).not.toContain(secret);
  }
  platform.pushTo(server, 'CANARY-another-token');
  expect((await platform.wechat.checkPushUrl(COMPONENT)).status).toBe(401);
  expect((await platform.task(server)).code).not.toBe(200);
  expect((await platform.task(server, MERCHANT)).code).toBe(400);
  expect(platform.wechat.countCalls()).toBe(0);
});

test('pushes are taken after the process was killed, while it is replaced, and after a reload', async () => {
  const { wechat } = platform;
  process.kill(server.workerPid, 'SIGKILL');
  await server.seen('workerEnded');
  // The connection waits for the next process.
  expect(isAccepted(await platform.pushTicket())).toBe(true);
  await server.seen('workerReplaced');
  expect(wechat.isValid(await tokenOf())).toBe(true);

  server.signal('SIGHUP');
  await server.seen('reloading');
  expect(isAccepted(await platform.pushTicket())).toBe(true);
  await server.seen('reloaded');
  expect(isAccepted(await platform.pushAuthorization(MERCHANT))).toBe(true);
  const token = await tokenOf(MERCHANT);

  // The process is killed when WeChat has exchanged the code, and has not answered yet.
  wechat.fail('/cgi-bin/component/api_query_auth', { delayMs: 60_000 }, { times: 1 });
  const asked = wechat.nextCall('/cgi-bin/component/api_query_auth');
  expect(isAccepted(await platform.pushAuthorization(OTHER))).toBe(true);
  expect((await asked).errcode).toBe(0);
  process.kill(server.workerPid, 'SIGKILL');
  await server.seen('workerReplaced', 2);
  expect(wechat.isValid(await tokenOf(OTHER))).toBe(true);
  expect(await tokenOf(MERCHANT)).toBe(token);
  expect(await server.stop()).toBe(0);
});

test('an exchange that WeChat refuses, and repeats what it was sent, leaves nothing of it in the log', async () => {
  const { wechat } = platform;
  isAccepted(await platform.pushTicket());
  const component = await tokenOf();
  const code = wechat.createAuthorizationCode(COMPONENT, MERCHANT);
  const errmsg = `system error, code ${code}, token ${component}`;
  wechat.fail('/cgi-bin/component/api_query_auth', { errcode: -1, errmsg }, { times: 2 });
  expect(isAccepted(await platform.pushAuthorization(MERCHANT, { AuthorizationCode: code }))).toBe(true);
  const { error } = await server.seen('serverError');
  expect(error).toContain(`the authorization of ${MERCHANT} for ${COMPONENT} is not complete yet`);
  expect(wechat.isValid(await tokenOf(MERCHANT))).toBe(true);
});

test('an authorizer gets the tasks that --authorizer-task names, and /metrics counts what is pushed', async () => {
  expect(await server.stop()).toBe(0);
  server = await platform.serve('--authorizer-task', 'authorizer_access_token', '--authorizer-task', 'jsapi_ticket');
  platform.pushTo(server);
  expect(isAccepted(await platform.pushTicket())).toBe(true);
  expect(isAccepted(await platform.pushAuthorization(MERCHANT))).toBe(true);
  await tokenOf(MERCHANT);
  const path = `/task/${COMPONENT}/jsapi_ticket?subject=${MERCHANT}`;
  const ticket = async (): Promise<unknown> => (await fetch(server.url + path)).json();
  await expect.poll(ticket).toMatchObject({ code: 200 });
  secrets.push(String(((await ticket()) as { result: unknown }).result));
  platform.pushTo(server, 'CANARY-another-token');
  expect((await platform.pushTicket()).status).toBe(401);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toContain('wechat_token_manager_pushes_total{outcome="accepted"} 2');
  expect(metrics).toContain(`wechat_token_manager_app_troubled_pushes_total{appid="${COMPONENT}"} 1`);
});

test('a type that --authorizer-task misspells is refused by its name', async () => {
  const refused = platform.world.spawn(['--authorizer-task', 'jsapi']);
  expect(await refused.exited).toBe(2);
  expect(refused.errors).toContain('--authorizer-task must be types of the manager, got "jsapi"');
});

test('the release check of WeChat is answered, and its test account is no merchant', async () => {
  const { wechat } = platform;
  wechat.setAccount(TEST_ACCOUNT, { userName: 'gh_c0f28a78b318' });
  isAccepted(await platform.pushTicket());
  await tokenOf();
  const exchanged = wechat.nextCall('/cgi-bin/component/api_query_auth');
  expect(isAccepted(await platform.pushAuthorization(TEST_ACCOUNT))).toBe(true);
  expect(await exchanged).toMatchObject({ subject: TEST_ACCOUNT, errcode: 0 });

  const { reply } = await platform.pushText(TEST_ACCOUNT, 'oTester', 'TESTCOMPONENT_MSG_TYPE_TEXT');
  expect(reply).toMatchObject({ ToUserName: 'oTester', Content: 'TESTCOMPONENT_MSG_TYPE_TEXT_callback' });

  const code = wechat.createAuthorizationCode(COMPONENT, TEST_ACCOUNT);
  secrets.push(code);
  const sent = wechat.nextCall(SEND);
  const answer = await platform.pushText(TEST_ACCOUNT, 'oTester', `QUERY_AUTH_CODE:${code}`);
  expect([answer.status, answer.body, answer.isAccepted]).toEqual([200, '', true]);
  expect(await sent).toMatchObject({ appid: TEST_ACCOUNT, subject: 'oTester', errcode: 0 });

  const listed = await (await fetch(`${server.url}/tokens`)).text();
  expect(listed).toContain('component_access_token');
  expect(listed).not.toContain(TEST_ACCOUNT);
  expect(await server.stop()).toBe(0);
});

test('the release check of WeChat is left to another program with --no-release-check', async () => {
  const other = await platform.serve('--no-release-check');
  expect(await platform.register(other)).toContain('registered');
  platform.pushTo(other);
  platform.wechat.setAccount(TEST_ACCOUNT, { userName: 'gh_c0f28a78b318' });
  const answer = await platform.pushText(TEST_ACCOUNT, 'oTester', 'TESTCOMPONENT_MSG_TYPE_TEXT');
  expect(answer.body).toBe('success');
});
