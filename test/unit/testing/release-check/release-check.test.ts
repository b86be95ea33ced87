import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClockTimer } from '../../../../src/core/concurrency/clock.js';
import {
  FakeClock,
  type FakePushSettings,
  type FakeReleaseCheckOptions,
  type FakeReleaseReport,
  FakeWeChat,
} from '../../../../src/testing/index.js';
import {
  AES_KEY,
  type Behaviour,
  COMPONENT,
  PlatformServer,
  type Pushed,
  RIGHT,
  SECRET,
  TOKEN,
} from '../../../support/platform-server.js';

const PAIRS = [
  ['wx570bc396a51b8ff8', 'gh_3c884a361561', 'wxd101a85aa106f53e', 'gh_8dad206e9538'],
  ['wx9252c5e0bb1836fc', 'gh_c0f28a78b318', 'wxc39235c15087f6f3', 'gh_905ae9d01059'],
  ['wx8e1097c5bc82cde9', 'gh_3f222ed8d140', 'wx7720d01d4b2a4500', 'gh_393666f1fdf4'],
  ['wx14550af28c71a144', 'gh_26128078e9ab', 'wx05d483572dcd5d8b', 'gh_39abb5d4e1b7'],
  ['wxa35b9c23cfe664eb', 'gh_2b3713f184a6', 'wx5910277cae6fd970', 'gh_7818dcb60240'],
] as const;
const [OFFICIAL, OFFICIAL_NAME, MINI_PROGRAM] = PAIRS[2];
const MESSAGE_MS = 30_000;
const OPTIONAL = ['url', 'event', 'mini-program-text'] as const;

/** A clock that tells when a timer of a certain delay is set. */
class WatchedClock extends FakeClock {
  onTimer: (delayMs: number) => void = () => undefined;

  override setTimer(callback: () => void, delayMs: number): ClockTimer {
    const timer = super.setTimer(callback, delayMs);
    this.onTimer(delayMs);
    return timer;
  }
}

let clock: WatchedClock;
let wechat: FakeWeChat;
let server: PlatformServer;

beforeEach(async () => {
  clock = new WatchedClock();
  wechat = await FakeWeChat.start({ clock, apps: { [COMPONENT]: { secret: SECRET } } });
  server = new PlatformServer(wechat.origin);
  await server.start();
  setPush();
});

afterEach(async () => {
  await server.idle();
  await wechat.close();
  await server.close();
  expect(clock.pendingTimers).toBe(0);
});

function setPush(changes: Partial<FakePushSettings> = {}): void {
  const url = `${server.url}/push/${COMPONENT}`;
  wechat.setPush(COMPONENT, {
    url,
    authorizerUrl: `${url}/$APPID$`,
    token: TOKEN,
    encodingAesKey: AES_KEY,
    ...changes,
  });
}

/** Plays the check with a server that is faulty in one thing. */
function play(faults: Partial<Behaviour> = {}, options: FakeReleaseCheckOptions = {}): Promise<FakeReleaseReport> {
  server.behaviour = { ...RIGHT, ...faults };
  return wechat.runReleaseCheck(COMPONENT, options);
}

/** Plays the check, and lets the time pass for each message that does not come. */
function playInVain(
  faults: Partial<Behaviour> = {},
  options: FakeReleaseCheckOptions = {},
): Promise<FakeReleaseReport> {
  clock.onTimer = (delayMs) => {
    if (delayMs === MESSAGE_MS) void server.idle().then(() => clock.advance(delayMs));
  };
  return play(faults, options);
}

/** Returns what is wrong by step, for steps that are wrong alike with both accounts. */
function faultsOf({ passed, steps }: FakeReleaseReport): Record<string, string | undefined> {
  const failed = steps.filter((step) => !step.passed);
  expect(passed).toBe(failed.length === 0);
  const faults: Record<string, string | undefined> = {};
  for (const { step, reason } of failed) {
    expect(faults[step] ?? reason).toBe(reason);
    faults[step] = reason;
  }
  return faults;
}

function userOf({ fields }: Pushed): string {
  return String(fields.get('FromUserName'));
}

describe('a server that does everything right', () => {
  test.each(PAIRS.map((pair, index) => [index + 1, pair] as const))(
    'the check with pair %i passes',
    async (pair, accounts) => {
      const [official, officialName, miniProgram, miniProgramName] = accounts;
      const report = await play({}, { pair });
      expect(faultsOf(report)).toEqual({});
      expect(report.steps.map(({ step, account }) => [step, account])).toEqual([
        ['ticket', COMPONENT],
        ['authorized', official],
        ['authorized', miniProgram],
        ['text', official],
        ['code', official],
        ['exchange', official],
        ['message', official],
        ['code', miniProgram],
        ['exchange', miniProgram],
        ['message', miniProgram],
      ]);
      const messages = server.pushes.filter(({ fields }) => fields.has('MsgType'));
      expect(messages.map(({ fields, appid }) => [appid, fields.get('ToUserName')])).toEqual([
        [official, officialName],
        [official, officialName],
        [miniProgram, miniProgramName],
      ]);
      expect(new Set(messages.map(userOf)).size).toBe(3);
      expect(messages[0]?.fields.get('Content')).toBe('TESTCOMPONENT_MSG_TYPE_TEXT');
      const texts = messages
        .slice(1)
        .map(({ fields }) => `${fields.get('Content')?.replace('QUERY_AUTH_CODE:', '')}_from_api`);
      expect(wechat.customMessages).toEqual(
        texts.map((content, index) => ({
          at: clock.now(),
          appid: [official, miniProgram][index],
          openid: userOf(messages[index + 1] as Pushed),
          body: { touser: userOf(messages[index + 1] as Pushed), msgtype: 'text', text: { content } },
        })),
      );
    },
  );

  test('a pair is drawn by the clock unless one is named, or all five are played', async () => {
    const accounts = ({ steps }: FakeReleaseReport): readonly string[] => [
      ...new Set(steps.map(({ account }) => account)),
    ];
    expect(accounts(await play())).toEqual([COMPONENT, OFFICIAL, MINI_PROGRAM]);
    const report = await play({}, { pair: 'all' });
    expect(report.passed).toBe(true);
    expect(accounts(report)).toEqual([
      COMPONENT,
      ...PAIRS.flatMap(([official, , miniProgram]) => [official, miniProgram]),
    ]);
    expect(report.steps).toHaveLength(50);
  });

  test('a check can be played again', async () => {
    expect((await play()).passed).toBe(true);
    expect((await play()).passed).toBe(true);
  });

  test('the optional steps are passed too', async () => {
    const report = await play({}, { optionalSteps: OPTIONAL });
    expect(faultsOf(report)).toEqual({});
    expect(report.steps.map(({ step }) => step).join(' ')).toBe(
      'url ticket authorized authorized event text code exchange message text code exchange message',
    );
  });

  test('the check passes in compatible mode, and with a text in clear in the envelope', async () => {
    setPush({ mode: 'compatible' });
    expect((await play()).passed).toBe(true);
  });

  test('the token of the first authorization stays valid beside that of the code', async () => {
    await play();
    await server.idle();
    expect(wechat.isValid(String(server.stored.get(OFFICIAL)))).toBe(true);
    expect(wechat.isValid(String(server.stored.get(MINI_PROGRAM)))).toBe(true);
  });
});

describe('a push without a right answer', () => {
  test.each<[string, Partial<Behaviour>, Record<string, string>]>([
    [
      'an empty ticket answer',
      { ticket: () => '' },
      { ticket: 'expected the bare text "success", got an empty answer' },
    ],
    [
      'a quoted answer to a ticket',
      { ticket: () => '"success"\n' },
      { ticket: 'expected the bare text "success", got "success" with other characters around it' },
    ],
    [
      'another text as answer to an authorization',
      { authorized: () => 'canary' },
      { authorized: 'expected the bare text "success", got another text, of 6 characters' },
    ],
    [
      'XML as answer to an authorization',
      { authorized: () => '<xml><return_code>SUCCESS</return_code></xml>' },
      { authorized: 'expected the bare text "success", got a reply that is not encrypted' },
    ],
    [
      'status 500 to a ticket',
      { ticket: () => ({ status: 500, body: 'success' }) },
      { ticket: 'expected status 200, got 500' },
    ],
    [
      'a check of the URL answered by success',
      { echo: () => 'success' },
      { url: 'expected the text of echostr, got "success"' },
    ],
    [
      'a check of the URL answered by 401',
      { echo: () => ({ status: 401, body: '' }) },
      { url: 'expected status 200, got 401' },
    ],
    ['an event without a reply', { event: () => 'success' }, { event: 'expected an encrypted reply, got "success"' }],
    [
      'an event with another reply',
      { event: (pushed, { reply }) => reply.call(server, pushed, { fields: { Content: 'from_callback' } }) },
      { event: 'expected Content "LOCATIONfrom_callback", got "from_callback"' },
    ],
  ])('the report names %s', async (_, faults, expected) => {
    expect(faultsOf(await play(faults, { optionalSteps: OPTIONAL }))).toEqual(expected);
  });
});

describe('a text without a right reply', () => {
  const text = (answer: (pushed: Pushed, platform: PlatformServer) => string): Partial<Behaviour> => ({ text: answer });
  test.each<[string, Partial<Behaviour>, string]>([
    ['nothing', text(() => ''), 'expected an encrypted reply, got an empty answer'],
    ['success', text(() => 'success'), 'expected an encrypted reply, got "success"'],
    ['another text', text(() => 'canary'), 'expected an encrypted reply, got another text, of 6 characters'],
    [
      'a reply in clear',
      text(() => '<xml><MsgType>text</MsgType></xml>'),
      'expected an encrypted reply, got a reply that is not encrypted',
    ],
    [
      'a reply with a wrong signature',
      text((pushed, platform) => platform.reply(pushed, { token: 'another' })),
      'expected an encrypted reply, got a reply whose MsgSignature is wrong for its Encrypt, TimeStamp and Nonce',
    ],
    [
      'a reply with another key',
      text((pushed, platform) => platform.reply(pushed, { key: 'A'.repeat(43) })),
      'expected an encrypted reply, got a reply that cannot be decrypted with the key of the settings',
    ],
    [
      'a reply for the account in place of the platform',
      text((pushed, platform) => platform.reply(pushed, { receiverId: String(pushed.appid) })),
      'expected an encrypted reply, got a reply that is encrypted for another appid than that of the platform',
    ],
    [
      'a reply that is no XML',
      text((pushed, platform) => platform.reply(pushed, { message: 'canary' })),
      'expected an encrypted reply, got a reply whose decrypted text is no XML with the root <xml>',
    ],
    [
      'a reply with the addresses of the message',
      text((pushed, platform) => {
        const { ToUserName = '', FromUserName = '' } = Object.fromEntries(pushed.fields);
        return platform.reply(pushed, { fields: { ToUserName, FromUserName } });
      }),
      'expected sender and receiver to be exchanged, got them as in the message',
    ],
    [
      'a reply from the appid',
      text((pushed, platform) => platform.reply(pushed, { fields: { FromUserName: String(pushed.appid) } })),
      `expected FromUserName "${OFFICIAL_NAME}", got "${OFFICIAL}"`,
    ],
    [
      'a reply of another type',
      text((pushed, platform) => platform.reply(pushed, { fields: { MsgType: 'image' } })),
      'expected MsgType "text", got "image"',
    ],
    [
      'a reply with the text as it came',
      text((pushed, platform) => platform.reply(pushed, { fields: { Content: 'TESTCOMPONENT_MSG_TYPE_TEXT' } })),
      'expected Content "TESTCOMPONENT_MSG_TYPE_TEXT_callback", got "TESTCOMPONENT_MSG_TYPE_TEXT"',
    ],
    [
      'a reply without a text',
      text((pushed, platform) => platform.reply(pushed, { fields: { Content: '' } })),
      'expected Content "TESTCOMPONENT_MSG_TYPE_TEXT_callback", got an empty text',
    ],
    [
      'a reply with secrets',
      text((pushed, platform) => platform.reply(pushed, { fields: { Content: `${TOKEN} ${AES_KEY}` } })),
      'expected Content "TESTCOMPONENT_MSG_TYPE_TEXT_callback", got "<token> <43 characters>"',
    ],
    ['status 500', { text: () => ({ status: 500, body: 'canary' }) }, 'expected status 200, got 500'],
    [
      'the end of the connection',
      { text: () => 'cut' },
      'expected an answer, but the connection ended without one (ECONNRESET)',
    ],
  ])('the report tells that there is %s', async (_, faults, reason) => {
    expect(faultsOf(await play(faults))).toEqual({ text: reason });
  });

  test('two faults of one reply are both named', async () => {
    const report = await play({
      text: (pushed, platform) => platform.reply(pushed, { fields: { ToUserName: 'oOther', MsgType: 'image' } }),
    });
    const { reason } = report.steps.find(({ step }) => step === 'text') ?? {};
    expect(reason).toMatch(
      /^expected ToUserName "oReleaseCheck-[0-9a-f]{14}", got "oOther"; expected MsgType "text", got "image"$/,
    );
  });

  test('a reply after five seconds is late', async () => {
    const hung = server.hung();
    const check = play({ text: () => 'hang' });
    await hung;
    await clock.advance(4_999);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1);
    expect(faultsOf(await check)).toEqual({ text: 'expected an answer within 5 s, got none by then' });
  });
});

describe('a code that is not handled right', () => {
  const NOT_CHECKED = 'was not checked, since the text with the code was not answered with status 200';
  const NOT_SENT = 'expected the message by custom/send within 30 s, got none';
  const NOT_EXCHANGED = 'expected api_query_auth to be called with the code within 30 s';
  const code = (answer: Behaviour['code']): Partial<Behaviour> => ({ code: answer });

  test.each<[string, Partial<Behaviour>, Record<string, string>]>([
    ['success in place of nothing', code(() => 'success'), { code: 'expected an empty answer, got "success"' }],
    [
      'a reply in place of nothing',
      code((pushed, platform) => platform.reply(pushed)),
      { code: 'expected an empty answer, got a reply' },
    ],
    [
      'status 500',
      { code: () => ({ status: 500, body: '' }), afterCode: async () => undefined },
      { code: 'expected status 200, got 500', exchange: NOT_CHECKED, message: NOT_CHECKED },
    ],
    [
      'two exchanges',
      {
        async afterCode(value, pushed, platform) {
          const token = await platform.exchange(value);
          expect(await platform.exchange(value)).toBe('');
          await platform.send(token, userOf(pushed), `${value}_from_api`);
        },
      },
      { exchange: 'expected the code to be exchanged once, got 2 calls with it' },
    ],
    [
      'the token of the authorization',
      {
        async afterCode(value, pushed, platform) {
          await platform.exchange(value);
          await platform.send(String(platform.stored.get(String(pushed.appid))), userOf(pushed), `${value}_from_api`);
        },
      },
      { message: 'expected the token that was exchanged for the code, got another token of ACCOUNT' },
    ],
    [
      'the token of the authorization, and no exchange',
      {
        async afterCode(value, pushed, platform) {
          await platform.send(String(platform.stored.get(String(pushed.appid))), userOf(pushed), `${value}_from_api`);
        },
      },
      {
        exchange: `${NOT_EXCHANGED}, got no such call`,
        message: 'expected the token that was exchanged for the code, got another token of ACCOUNT',
      },
    ],
    [
      'another user',
      {
        afterCode: async (value, _, platform) =>
          void (await platform.send(await platform.exchange(value), 'oOther', `${value}_from_api`)),
      },
      { message: 'expected touser "USER", got "oOther"' },
    ],
    [
      'a text without its end',
      {
        afterCode: async (value, pushed, platform) =>
          void (await platform.send(await platform.exchange(value), userOf(pushed), value)),
      },
      { message: 'expected the text "<code>_from_api", got "<code>"' },
    ],
    [
      'a text with the whole question',
      {
        async afterCode(value, pushed, platform) {
          await platform.send(await platform.exchange(value), userOf(pushed), `QUERY_AUTH_CODE:${value}_from_api`);
        },
      },
      { message: 'expected the text "<code>_from_api", got "QUERY_AUTH_CODE:<code>_from_api"' },
    ],
    [
      'a message with its own token as the text',
      {
        async afterCode(value, pushed, platform) {
          const token = await platform.exchange(value);
          await platform.send(token, userOf(pushed), token);
        },
      },
      { message: 'expected the text "<code>_from_api", got "<59 characters>"' },
    ],
    [
      'a message of another type',
      {
        async afterCode(value, pushed, platform) {
          const body = { touser: userOf(pushed), msgtype: 'image', image: { media_id: 'canary' } };
          await platform.call(`message/custom/send?access_token=${await platform.exchange(value)}`, body);
        },
      },
      { message: 'expected msgtype "text", got "image"' },
    ],
  ])('the report tells that there is %s', async (_, faults, expected) => {
    const report = await play(faults);
    for (const { account, step, passed, reason } of report.steps) {
      const wanted = expected[step];
      expect(passed).toBe(wanted === undefined);
      const shown = reason?.replace(account, 'ACCOUNT').replace(/oReleaseCheck-[0-9a-f]{14}/, 'USER');
      if (!passed) expect(shown).toBe(wanted);
    }
    expect(report.passed).toBe(false);
  });

  test.each<[string, Partial<Behaviour>, Record<string, string>]>([
    [
      'neither an exchange nor a message',
      { afterCode: async () => undefined },
      { exchange: `${NOT_EXCHANGED}, got no such call`, message: NOT_SENT },
    ],
    [
      'no message',
      { afterCode: async (value, _, platform) => void (await platform.exchange(value)) },
      { message: NOT_SENT },
    ],
    [
      'a message with a token that is not valid',
      {
        async afterCode(value, pushed, platform) {
          await platform.exchange(value);
          await platform.send('canary-unknown', userOf(pushed), `${value}_from_api`);
        },
      },
      { message: 'expected the message by custom/send within 30 s, got a call that was answered with 40001' },
    ],
    [
      'a message without a user',
      {
        afterCode: async (value, _, platform) =>
          void (await platform.send(await platform.exchange(value), '', `${value}_from_api`)),
      },
      { message: 'expected the message by custom/send within 30 s, got a call that was answered with 40003' },
    ],
    [
      'an exchange that is refused',
      {
        async afterCode(value, _, platform) {
          wechat.expire(value);
          await platform.exchange(value);
        },
      },
      { exchange: `${NOT_EXCHANGED}, got a call for the account that was answered with 61010`, message: NOT_SENT },
    ],
  ])('the report tells after its time that there is %s', async (_, faults, expected) => {
    const before = clock.now();
    expect(faultsOf(await playInVain(faults))).toEqual(expected);
    expect(clock.now()).toBe(before + 2 * MESSAGE_MS);
  });

  test('an exchange of the code of the authorization alone is not taken for one of the code in the text', async () => {
    server.exchangesAuthorizations = false;
    const report = await playInVain({
      async afterCode(_, pushed, platform) {
        const authorized = platform.pushes.find(({ fields }) => fields.get('AuthorizerAppid') === pushed.appid);
        expect(await platform.exchange(authorized?.fields.get('AuthorizationCode') ?? '')).not.toBe('');
      },
    });
    expect(faultsOf(report)).toEqual({ exchange: `${NOT_EXCHANGED}, got no such call`, message: NOT_SENT });
  });

  test('a message of the mini program with the token of the official account is wrong', async () => {
    let first = '';
    const report = await play({
      async afterCode(value, pushed, platform) {
        const token = await platform.exchange(value);
        first ||= token;
        await platform.send(first, userOf(pushed), `${value}_from_api`);
      },
    });
    expect(report.steps.filter(({ passed }) => !passed)).toEqual([
      {
        step: 'message',
        account: MINI_PROGRAM,
        passed: false,
        reason: `expected the token that was exchanged for the code, got a token of ${OFFICIAL}`,
      },
    ]);
  });

  test('a message that comes in the last moment counts, and one that comes later does not', async () => {
    const options = { messageWithinSeconds: 2 };
    const send: (() => Promise<unknown>)[] = [];
    const afterCode: Behaviour['afterCode'] = async (value, pushed, platform) => {
      const token = await platform.exchange(value);
      send.push(() => platform.send(token, userOf(pushed), `${value}_from_api`));
    };
    const waits: (() => void)[] = [];
    const waiting = [0, 1].map((index) => new Promise<void>((resolve) => void (waits[index] = resolve)));
    clock.onTimer = (delayMs) => void (delayMs === 2_000 && waits.shift()?.());
    const check = play({ afterCode }, options);
    await waiting[0];
    await server.idle();
    await clock.advance(1_999);
    await send[0]?.();
    await waiting[1];
    await server.idle();
    await clock.advance(2_000);
    await send[1]?.();
    const { steps } = await check;
    expect(steps.filter(({ passed }) => !passed)).toEqual([
      {
        step: 'message',
        account: MINI_PROGRAM,
        passed: false,
        reason: 'expected the message by custom/send within 2 s, got none',
      },
    ]);
  });

  test('a late answer to the code is told, and nothing more is waited for', async () => {
    const arrivals = [server.hung()];
    const check = play({ code: () => 'hang', afterCode: async () => undefined });
    await arrivals[0];
    arrivals.push(server.hung());
    await clock.advance(5_000);
    await arrivals[1];
    await clock.advance(5_000);
    expect(faultsOf(await check)).toEqual({
      code: 'expected an answer within 5 s, got none by then',
      exchange: NOT_CHECKED,
      message: NOT_CHECKED,
    });
  });
});

describe('a server that is not there', () => {
  test('every step is told to have failed, and nothing is waited for', async () => {
    await server.close();
    const { passed, steps } = await play({}, { optionalSteps: OPTIONAL });
    expect(passed).toBe(false);
    expect(steps).toHaveLength(13);
    const unreachable = 'expected an answer, but the server cannot be reached (ECONNREFUSED)';
    const notChecked = 'was not checked, since the text with the code was not answered with status 200';
    for (const { step, reason } of steps) {
      expect(reason).toBe(step === 'exchange' || step === 'message' ? notChecked : unreachable);
    }
    server = new PlatformServer(wechat.origin);
    await server.start();
  });

  test('a check ends with an error when the fake is closed, during a push or while it waits for the message', async () => {
    const hung = server.hung();
    const during = expect(play({ text: () => 'hang' })).rejects.toThrow('before the fake was closed');
    await hung;
    await wechat.close();
    await during;

    wechat = await FakeWeChat.start({ clock, apps: { [COMPONENT]: { secret: SECRET } } });
    await server.close();
    server = new PlatformServer(wechat.origin);
    await server.start();
    setPush();
    const waiting = new Promise<void>((resolve) => {
      clock.onTimer = (delayMs) => void (delayMs === MESSAGE_MS && resolve());
    });
    const meanwhile = expect(play({ afterCode: async () => undefined })).rejects.toThrow('the fake was closed');
    await waiting;
    await server.idle();
    await wechat.close();
    await meanwhile;
  });
});

describe('misuse', () => {
  test('a check requires settings with a key and the URL of messages, and an app that the fake knows', async () => {
    const other = 'wx00000000000000c1';
    const run = (component: string): Promise<unknown> => wechat.runReleaseCheck(component);
    await expect(run(other)).rejects.toThrow(
      new TypeError(`setPush has to be called for "${other}" before a release check`),
    );
    const url = `${server.url}/push/${COMPONENT}`;
    wechat.setPush(other, { url, token: TOKEN, encodingAesKey: AES_KEY, authorizerUrl: url });
    await expect(run(other)).rejects.toThrow(new TypeError(`the fake has no app "${other}"`));
    setPush({ mode: 'plain' });
    await expect(run(COMPONENT)).rejects.toThrow(new TypeError('a release check requires encodingAesKey in setPush'));
    wechat.setPush(COMPONENT, { url, token: TOKEN, encodingAesKey: AES_KEY });
    await expect(run(COMPONENT)).rejects.toThrow(new TypeError('a release check requires authorizerUrl in setPush'));
    setPush({ format: 'json' });
    await expect(run(COMPONENT)).rejects.toThrow(new TypeError("a release check requires the format 'xml' in setPush"));
    expect(server.pushes).toEqual([]);
  });

  test.each<[string, Record<string, unknown>]>([
    ["pair must be 1 to 5 or 'all', got 0", { pair: 0 }],
    ["pair must be 1 to 5 or 'all', got 6", { pair: 6 }],
    ["pair must be 1 to 5 or 'all', got 1.5", { pair: 1.5 }],
    ['pair must be 1 to 5 or \'all\', got "any"', { pair: 'any' }],
    ['optionalSteps must be an array, got a string', { optionalSteps: 'url' }],
    [
      "optionalSteps[1] must be one of 'url', 'event', 'mini-program-text', got \"text\"",
      { optionalSteps: ['url', 'text'] },
    ],
    ['messageWithinSeconds must be 1 to 600, got 0', { messageWithinSeconds: 0 }],
    ['messageWithinSeconds must be 1 to 600, got NaN', { messageWithinSeconds: Number.NaN }],
    ['messageWithinSeconds must be 1 to 600, got 601', { messageWithinSeconds: 601 }],
    ['options: unknown name "pairs", expected one of pair, optionalSteps, messageWithinSeconds', { pairs: 1 }],
  ])('%s', async (message, options) => {
    await expect(wechat.runReleaseCheck(COMPONENT, options)).rejects.toThrow(new TypeError(message));
    expect(server.pushes).toEqual([]);
  });

  test('two checks of one platform cannot be played at once', async () => {
    const check = play();
    await expect(play()).rejects.toThrow(new TypeError(`a release check of "${COMPONENT}" is being played`));
    expect((await check).passed).toBe(true);
  });
});

test('neither the report of a failed check nor the fake shows a secret', async () => {
  const codes: string[] = [];
  const reports = [
    await playInVain({
      text: (pushed, platform) => platform.reply(pushed, { fields: { Content: AES_KEY, FromUserName: TOKEN } }),
      async afterCode(value, _, platform) {
        codes.push(value, await platform.exchange(value));
      },
    }),
    await play({
      async afterCode(value, _, platform) {
        const token = await platform.exchange(value);
        codes.push(value, token);
        await platform.send(token, token, `${token} ${value} ${TOKEN} ${AES_KEY}`);
      },
    }),
  ];
  expect(reports.some(({ passed }) => passed)).toBe(false);
  const shown = inspect([reports, wechat], { depth: 9, showHidden: true });
  for (const secret of [TOKEN, AES_KEY, SECRET, ...codes, ...server.stored.values()])
    expect(shown).not.toContain(secret);
});
