import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import { createApiKey } from '../../../../src/http/index.js';
import { type CommandResult, type CommandWorld, runCommand } from '../../../support/servers/command-line.js';
import { APP_SECRET, TokenServer } from '../../../support/servers/token-server.js';

const APPID = 'wx0123456789abcdef';
const OTHER = 'wxfedcba9876543210';
const PREFIX = 'wechat-token-manager: ';

let server: TokenServer;
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'wechat-client-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function fileWith(text: string): string {
  const path = join(directory, 'secret.txt');
  writeFileSync(path, text);
  return path;
}

/** Whatever a command does, it prints no secret of an app. */
async function command(line: string, world: CommandWorld = {}): Promise<CommandResult> {
  const env = { WECHAT_TOKENS_URL: server.url, ...world.env };
  const result = await runCommand(line.split(' '), { ...world, env });
  expect(result.out + result.err).not.toContain(APP_SECRET);
  return result;
}

async function tasks(): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of server.tokens.status()) ids.push(id);
  return ids;
}

describe('commands that ask an open server', () => {
  beforeEach(async () => {
    server = await TokenServer.start([APPID, OTHER]);
  });
  afterEach(() => server[Symbol.asyncDispose]());

  describe('register', () => {
    it('register adds tasks, with the secret from standard input', async () => {
      const { code, out, err } = await command(`register ${APPID} --task access_token --task jsapi_ticket`, {
        input: `${APP_SECRET}\n`,
      });
      expect({ code, out, err }).toEqual({
        code: 0,
        out: `registered ${APPID}, with access_token, jsapi_ticket\n`,
        err: '',
      });
      expect(await tasks()).toEqual([`${APPID}/access_token`, `${APPID}/jsapi_ticket`]);
      expect(server.wechat.isValid(await server.tokens.get(APPID, 'jsapi_ticket'))).toBe(true);
    });

    it('register keeps the tasks that it does not name', async () => {
      const env = { WECHAT_TOKENS_SECRET: APP_SECRET };
      await command(`register ${APPID} --task access_token`, { env });
      await command(`register ${APPID} --task jsapi_ticket --access-token plain`, { env });
      await command(`register ${APPID}`, { env });
      expect(await tasks()).toEqual([`${APPID}/access_token`, `${APPID}/jsapi_ticket`]);
    });

    it('register takes the secret from a file before the variable', async () => {
      const world = { env: { WECHAT_TOKENS_SECRET: 'wrong' } };
      await command(`register ${APPID} --task access_token --secret-file ${fileWith(`${APP_SECRET}\n`)}`, world);
      expect(server.wechat.isValid(await server.tokens.get(APPID, 'access_token'))).toBe(true);
    });

    it('register takes the secret from standard input with --secret-file -', async () => {
      const world = { env: { WECHAT_TOKENS_SECRET: 'wrong' }, input: APP_SECRET };
      await command(`register ${APPID} --task access_token --secret-file -`, world);
      expect(server.wechat.isValid(await server.tokens.get(APPID, 'access_token'))).toBe(true);
    });

    it('register asks a terminal for the secret, and does not show it', async () => {
      const { code, err } = await command(`register ${APPID} --task access_token`, {
        input: `${APP_SECRET}\r`,
        asks: true,
      });
      expect({ code, err }).toEqual({ code: 0, err: `secret of ${APPID}: \n` });
      expect(server.wechat.isValid(await server.tokens.get(APPID, 'access_token'))).toBe(true);
    });

    it('register ends when nothing or Ctrl-C is typed', async () => {
      for (const input of ['\r', '\u0003', `${APP_SECRET}\u0003`]) {
        const { code, err } = await command(`register ${APPID}`, { input, asks: true });
        expect({ code, err }).toEqual({ code: 2, err: `secret of ${APPID}: \n${PREFIX}no secret was given\n` });
      }
    });

    it('register changes the secret and the mode of an app', async () => {
      await command(`register ${APPID}`, { input: 'wrong' });
      await command(`register ${APPID} --access-token plain`, { input: APP_SECRET });
      await server.tokens.get(APPID, 'access_token');
      expect(server.wechat.countCalls('/cgi-bin/token')).toBe(1);
    });

    it('register takes the settings of pushes from a file, else from the variables, and shows neither', async () => {
      const [NEW, OLD] = ['n'.repeat(43), 'o'.repeat(43)];
      const stored = () => engineOf(server.tokens).registry.app(APPID)?.push;
      const env = { WECHAT_TOKENS_PUSH_TOKEN: 'T1', WECHAT_TOKENS_PUSH_KEYS: ` ${NEW}, ${OLD},` };
      const first = await command(`register ${APPID}`, { env, input: APP_SECRET });
      expect(stored()).toEqual({ token: 'T1', keys: [NEW, OLD], mode: 'encrypted' });
      const file = fileWith(JSON.stringify({ token: 'T2', encodingAesKey: OLD }));
      const second = await command(`register ${APPID} --push-file ${file}`, { env, input: APP_SECRET });
      expect(stored()).toEqual({ token: 'T2', keys: [OLD], mode: 'encrypted' });
      for (const { code, out, err } of [first, second]) {
        expect({ code, out, err }).toEqual({ code: 0, out: `registered ${APPID}\n`, err: '' });
      }
    });

    it.each([
      ['keys without a token', { WECHAT_TOKENS_PUSH_KEYS: 'CANARY' }, '', 2, 'WECHAT_TOKENS_PUSH_KEYS needs the token'],
      [
        'a key that is too short',
        { WECHAT_TOKENS_PUSH_TOKEN: 'T', WECHAT_TOKENS_PUSH_KEYS: 'CANARY' },
        '',
        1,
        'got a string of 6',
      ],
      ['a file that is not JSON', {}, 'CANARY', 2, '--push-file: its content is not JSON like {"token":"..."'],
      ['a file with a list', {}, '["CANARY"]', 2, '--push-file: its content is not an object like {"token":"..."'],
    ])('register refuses settings of pushes without showing them: %s', async (_case, env, content, code, message) => {
      const option = content === '' ? '' : ` --push-file ${fileWith(content)}`;
      const refused = await command(`register ${APPID}${option}`, { env, input: APP_SECRET });
      expect(refused.code).toBe(code);
      expect(refused.err).toContain(message);
      expect(refused.err).not.toContain('CANARY');
    });

    it('register adds tasks for a subject', async () => {
      await command(`register ${APPID} --task jsapi_ticket --subject ${OTHER}`, { input: APP_SECRET });
      expect(await tasks()).toEqual([`${APPID}/jsapi_ticket/${OTHER}`]);
    });

    it('register --json answers with JSON', async () => {
      const { out } = await command(`register ${APPID} --task access_token --json`, { input: APP_SECRET });
      expect(JSON.parse(out)).toEqual({ appid: APPID, tasks: ['access_token'] });
    });

    it('register reports why the server refuses', async () => {
      const { code, out, err } = await command(`register ${APPID} --task acess_token`, { input: APP_SECRET });
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toBe(`${PREFIX}tasks[0].type must be 0 to 4 or the name of a type, got "acess_token" (400)\n`);
      expect(await tasks()).toEqual([]);
    });

    it.each([
      ['register', 'register needs <appid>: register <appid>'],
      ['register a/b', 'appid must be 1 to 64 characters'],
      ['register ..', 'appid cannot be ..'],
      ['register wx1 --task a/b', 'type must be 1 to 64 characters'],
      ['register wx1 --access-token stabel', '--access-token must be stable or plain, got "stabel"'],
      ['register wx1 --subject o', '--subject needs a task'],
      ['register wx1', 'the secret of wx1 is missing: give it on standard input, in WECHAT_TOKENS_SECRET or with'],
      ['register wx1 --secret-file /nowhere/it', '--secret-file: /nowhere/it cannot be read: ENOENT, nothing is there'],
      ['register wx1 --secret-file -', '--secret-file: the input is empty'],
      ['register wx1 the-secret', 'register takes <appid>, got 2 arguments'],
    ])('register does not accept the line: %s', async (line, message) => {
      const { code, err } = await command(line);
      expect(code).toBe(2);
      expect(err).toContain(message);
    });
  });

  describe('a secret that was copied with too much', () => {
    const strays: [string, string][] = [
      [`"${APP_SECRET}"`, 'must not be in quotation marks'],
      [`${APP_SECRET}\u200b`, 'must not end with an invisible character (U+200B)'],
      [`\u0001${APP_SECRET}`, 'must not begin with a control character (U+0001)'],
    ];

    it.each(strays)('stray characters in a secret are refused without a request: %#', async (secret, words) => {
      const answers = [
        [await command(`register ${APPID}`, { env: { WECHAT_TOKENS_SECRET: secret } }), 'WECHAT_TOKENS_SECRET'],
        [await command(`register ${APPID}`, { input: `${secret}\n` }), 'the secret on standard input'],
        [
          await command(`register ${APPID} --secret-file ${fileWith(`\ufeff${secret}\r\n`)}`),
          '--secret-file: its content',
        ],
        [await command(`refresh ${APPID} access_token --stale-file -`, { input: secret }), '--stale-file: its content'],
      ] as const;
      for (const [{ code, out, err }, place] of answers) {
        expect({ code, out, err }).toEqual({ code: 2, out: '', err: `${PREFIX}${place} ${words}\n` });
      }
      const asked = await command(`register ${APPID}`, {
        input: `${secret.replace(/[\u0001\u200b]/, '\u200b')}\r`,
        asks: true,
      });
      expect({ code: asked.code, err: asked.err }).toEqual({
        code: 2,
        err: expect.stringContaining('the secret must not '),
      });
      expect(await tasks()).toEqual([]);
    });
  });

  describe('get', () => {
    it('get prints the token and nothing else', async () => {
      await server.tokens.register({ appid: APPID, secret: APP_SECRET, tasks: ['access_token'] });
      const { code, out, err } = await command(`get ${APPID} access_token`);
      expect({ code, out, err }).toEqual({
        code: 0,
        out: `${await server.tokens.get(APPID, 'access_token')}\n`,
        err: '',
      });
    });

    it('get --json prints all of the answer', async () => {
      await server.tokens.register({
        appid: APPID,
        secret: APP_SECRET,
        tasks: ['access_token', { type: 'authorizer_access_token', subject: OTHER }],
      });
      await server.tokens.put(
        APPID,
        'authorizer_access_token',
        { value: 'of-the-merchant', expiresInSeconds: 7_200 },
        { subject: OTHER },
      );
      const { out } = await command(`get ${APPID} authorizer_access_token --subject ${OTHER} --json`);
      expect(out.endsWith('}\n')).toBe(true);
      expect(JSON.parse(out)).toMatchObject({
        appid: APPID,
        type: 'authorizer_access_token',
        subject: OTHER,
        value: 'of-the-merchant',
      });
    });

    it('get reports why there is no token', async () => {
      const { code, out, err } = await command(`get ${APPID} access_token`);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toMatch(/^wechat-token-manager: .*\(NOT_REGISTERED\)\n$/);
      expect((await command(`get ${APPID} acess_token`)).err).toBe(`${PREFIX}unknown token type "acess_token"\n`);
    });

    it('get, refresh and unregister take the number of a type', async () => {
      await command(`register ${APPID} --task access_token --task jsapi_ticket`, { input: `${APP_SECRET}\n` });
      const { code, out } = await command(`get ${APPID} 0`);
      expect({ code, token: out.trim() }).toEqual({ code: 0, token: await server.tokens.get(APPID, 'access_token') });
      expect((await command(`refresh ${APPID} 0`)).out).not.toBe(out);
      await command(`unregister ${APPID} 0`);
      expect(await tasks()).toEqual([`${APPID}/jsapi_ticket`]);
    });

    it('get reports the error code of WeChat', async () => {
      await server.tokens.register({ appid: APPID, secret: 'wrong' });
      const { code, err } = await command(`get ${APPID} access_token`);
      expect(code).toBe(1);
      expect(err).toMatch(/\(UPSTREAM_REJECTED, errcode 4\d+\)\n$/);
    });

    it.each([
      ['get', 'get needs <appid>: get <appid> <type>'],
      ['get wx1', 'get needs <type>: get <appid> <type>'],
      ['get wx1 t x', 'get takes <appid> <type>, got 3 arguments'],
      ['get wx1 ..', 'type cannot be ..'],
    ])('get does not accept the line: %s', async (line, message) => {
      expect(await command(line)).toEqual({ code: 2, out: '', err: `${PREFIX}${message}\n` });
    });
  });

  describe('refresh', () => {
    beforeEach(() => server.tokens.register({ appid: APPID, secret: APP_SECRET, tasks: ['access_token'] }));

    it('refresh prints a new token', async () => {
      const before = await server.tokens.get(APPID, 'access_token');
      const { code, out } = await command(`refresh ${APPID} access_token`);
      expect(code).toBe(0);
      expect(out).toBe(`${await server.tokens.get(APPID, 'access_token')}\n`);
      expect(out).not.toBe(`${before}\n`);
    });

    it('refresh with a stale token that is no longer the current one does not call WeChat', async () => {
      const current = await server.tokens.get(APPID, 'access_token');
      const calls = server.wechat.countCalls();
      const { out } = await command(`refresh ${APPID} access_token --stale-file ${fileWith('an older one\n')}`);
      expect(out).toBe(`${current}\n`);
      expect(server.wechat.countCalls()).toBe(calls);
    });

    it('refresh takes the stale token from standard input, and answers with JSON', async () => {
      const stale = await server.tokens.get(APPID, 'access_token');
      server.wechat.revoke(APPID);
      const { out } = await command(`refresh ${APPID} access_token --stale-file - --json`, { input: `${stale}\n` });
      expect(JSON.parse(out)).toMatchObject({ appid: APPID, type: 'access_token' });
      expect(JSON.parse(out).value).not.toBe(stale);
    });

    it('refresh refuses an empty stale token', async () => {
      const { code, err } = await command(`refresh ${APPID} access_token --stale-file -`);
      expect({ code, err }).toEqual({ code: 2, err: `${PREFIX}--stale-file: the input is empty\n` });
    });
  });

  describe('put', () => {
    const GRANT = JSON.stringify({ value: 'CANARY-value', expires_in: 3_600, refresh_token: 'CANARY-refresh' });

    beforeEach(() => server.tokens.register({ appid: APPID, secret: APP_SECRET }));

    it('put stores a grant from standard input, and shows none of it', async () => {
      const { code, out, err } = await command(`put ${APPID} oauth2_access_token --subject user`, {
        input: `${GRANT}\n`,
      });
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(/^put wx0123456789abcdef oauth2_access_token user, which expires in (1h 0m|59m)\n$/);
      const options = { subject: 'user' };
      expect(await server.tokens.get(APPID, 'oauth2_access_token', options)).toBe('CANARY-value');
    });

    it('put takes the grant from a file', async () => {
      const line = `put ${APPID} jsapi_ticket --json --from-file ${fileWith(`\uFEFF${GRANT}`)}`;
      const { out } = await command(line);
      expect(JSON.parse(out)).toMatchObject({ appid: APPID, type: 'jsapi_ticket', version: expect.any(Number) });
      expect(out).not.toContain('CANARY');
    });

    it.each([
      ['CANARY', 2, 'its content is not JSON'],
      ['["CANARY"]', 2, 'its content is not an object'],
      ['', 2, 'the input is empty'],
      ['{"value":"CANARY-0123"}', 1, 'expires_in must be 1 to'],
      ['{"value":"CANARY-0123","expires_in":60,"refreshtoken":"CANARY"}', 1, 'a grant may contain value'],
    ])('put refuses the input %s without showing it', async (input, code, message) => {
      const { code: exit, out, err } = await command(`put ${APPID} access_token`, { input });
      expect([exit, out]).toEqual([code, '']);
      expect(err).toContain(message);
      expect(err).not.toContain('CANARY');
    });

    it('put does not show a grant that was given in place of its file', async () => {
      const { code, err } = await command(`put ${APPID} access_token --from-file {"value":"CANARY"}`);
      expect(code).toBe(2);
      expect(err).toContain('--from-file: what it was given, 18 characters, cannot be read: ENOENT');
    });

    it('put explains how to give a grant when standard input is a terminal', async () => {
      const { code, err } = await command(`put ${APPID} access_token`, { asks: true });
      expect(code).toBe(2);
      expect(err).toContain('give the grant as JSON on standard input or with --from-file');
    });
  });

  describe('unregister', () => {
    beforeEach(() =>
      server.tokens.register({
        appid: APPID,
        secret: APP_SECRET,
        tasks: ['access_token', 'jsapi_ticket', { type: 'jsapi_ticket', subject: OTHER }],
      }),
    );

    it('unregister removes one task', async () => {
      const { code, out } = await command(`unregister ${APPID} jsapi_ticket`);
      expect({ code, out }).toEqual({ code: 0, out: `unregistered ${APPID} jsapi_ticket\n` });
      expect(await tasks()).toEqual([`${APPID}/access_token`, `${APPID}/jsapi_ticket/${OTHER}`]);
    });

    it('unregister removes the task of a subject', async () => {
      const { out } = await command(`unregister ${APPID} jsapi_ticket --subject ${OTHER} --json`);
      expect(JSON.parse(out)).toEqual({ appid: APPID, type: 'jsapi_ticket', subject: OTHER });
      expect(await tasks()).toEqual([`${APPID}/access_token`, `${APPID}/jsapi_ticket`]);
    });

    it('unregister removes an app', async () => {
      const { out } = await command(`unregister ${APPID}`);
      expect(out).toBe(`unregistered ${APPID}\n`);
      expect(await tasks()).toEqual([]);
    });

    it('unregister refuses a subject without a type, and keeps the app', async () => {
      const { code } = await command(`unregister ${APPID} --subject ${OTHER}`);
      expect(code).toBe(2);
      expect(await tasks()).toHaveLength(3);
    });
  });

  describe('list', () => {
    it('list shows tasks as a table without colours where there is no terminal', async () => {
      await server.tokens.register({ appid: APPID, secret: APP_SECRET, tasks: ['access_token'] });
      await server.tokens.register({ appid: OTHER, secret: 'wrong', tasks: ['access_token'] });
      await server.tokens.get(APPID, 'access_token');
      await server.tokens.get(OTHER, 'access_token').catch(() => {});
      const { code, out } = await command('list');
      const lines = out.split('\n');
      expect(code).toBe(0);
      expect(lines[0]).toMatch(/^APP +TYPE +STATE +LEFT +REFRESH +LAST ERROR$/);
      expect(lines[1]).toMatch(/^wx0123456789abcdef {2}access_token {2}fresh +█{8} (2h 0m|1h 59m) +in 1h 5\dm$/);
      expect(lines[2]).toMatch(/^wxfedcba9876543210 {2}access_token {2}missing {2}- +in \d+m +UPSTREAM_REJECTED: /);
      expect(lines).toHaveLength(4);
    });

    it('list shows tasks in colours on a terminal, unless NO_COLOR is set', async () => {
      await server.tokens.register({ appid: APPID, secret: APP_SECRET, tasks: ['access_token'] });
      await server.tokens.get(APPID, 'access_token');
      expect((await command('list', { columns: 120 })).out).toContain('\u001b[32mfresh');
      expect((await command('list', { columns: 120, env: { NO_COLOR: '1' } })).out).not.toContain('\u001b');
    });

    describe('the apps', () => {
      const push = { token: 'CANARY-push-token', encodingAesKey: 'CANARYkey'.padEnd(43, 'k') };
      const HEAD = 'APP                 PUSHES     KEYS  LAST PUSH  VERIFY TICKET';

      beforeEach(async () => {
        await server.tokens.register({ appid: APPID, secret: APP_SECRET, tasks: ['access_token'] });
        await server.tokens.register({ appid: OTHER, secret: APP_SECRET, push });
        const grant = { value: 'CANARY-ticket', expiresInSeconds: 43_200, obtainedAt: Date.now() - 90_000 };
        await server.tokens.put(OTHER, 'component_verify_ticket', grant);
      });

      const shown = async (line: string): Promise<string[]> => {
        const { code, out, err } = await command(line);
        expect({ code, err }).toEqual({ code: 0, err: '' });
        expect(out).not.toContain('CANARY');
        return out.trimEnd().split('\n');
      };

      it('list shows the apps to which WeChat pushes below the tasks', async () => {
        const lines = await shown('list');
        expect(lines[0]).toMatch(/^APP +TYPE/);
        expect(lines.slice(2)).toEqual(['', HEAD, `${OTHER}  encrypted  1     -          1m old`]);
      });

      it('list shows no apps where it shows the tasks of a type or a state, or of an app without pushes', async () => {
        for (const line of ['list --state fresh --state missing', `list ${APPID} access_token`, `list ${APPID}`]) {
          expect(await shown(line)).toHaveLength(2);
        }
      });

      it('list --apps shows all apps and no tasks', async () => {
        const [head, ...lines] = await shown('list --apps');
        expect(head).toBe(HEAD);
        expect(lines.map((line) => line.split(/ +/)[0])).toEqual([APPID, OTHER]);
        expect(await shown(`list --apps ${OTHER}`)).toHaveLength(2);
      });

      it('list --apps sorts the apps, whatever the order of the store is', async () => {
        await server.tokens.register({ appid: 'wx-third', secret: APP_SECRET, tasks: ['access_token'] });
        const { store } = engineOf(server.tokens);
        const list = store.list.bind(store);
        store.list = async function* (prefix, page) {
          const found = [];
          for await (const document of list(prefix, page)) found.push(document);
          yield* found.toReversed();
        };
        const lines = (await shown('list --apps')).slice(1);
        expect(lines.map((line) => line.split(/ +/)[0])).toEqual(['wx-third', APPID, OTHER]);
      });

      it('list --apps --json shows one app a line', async () => {
        const apps = (await shown('list --apps --json')).map((line) => JSON.parse(line));
        expect(apps).toEqual([
          { appid: APPID },
          {
            appid: OTHER,
            push: { mode: 'encrypted', keys: 1 },
            verifyTicket: { obtainedAt: expect.any(Number), missing: false },
          },
        ]);
      });

      it.each([`list --apps ${APPID} access_token`, 'list --apps --state fresh'])('%s is refused', async (line) => {
        const { code, err } = await command(line);
        expect({ code, err }).toEqual({ code: 2, err: `${PREFIX}--apps takes no type and no --state\n` });
      });
    });

    it('list --json follows the pages to the end, with one object a line', async () => {
      const appids = Array.from({ length: 1_001 }, (_, index) => `wx${String(index).padStart(5, '0')}`);
      for (const appid of appids)
        await server.tokens.register({ appid, secret: 'x', tasks: ['component_access_token'] });
      const { out } = await command('list --json');
      const listed = out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).appid);
      expect(listed).toEqual(appids);
    });

    it('list shows the tasks of an app, or of a type', async () => {
      await server.tokens.register({ appid: APPID, secret: APP_SECRET, tasks: ['access_token', 'jsapi_ticket'] });
      await server.tokens.register({ appid: OTHER, secret: APP_SECRET, tasks: ['access_token'] });
      const ids = async (line: string): Promise<string[]> =>
        (await command(line)).out
          .trimEnd()
          .split('\n')
          .map((text) => JSON.parse(text).id);
      expect(await ids(`list ${APPID} --json`)).toEqual([`${APPID}/access_token`, `${APPID}/jsapi_ticket`]);
      expect(await ids(`list ${APPID} jsapi_ticket --json`)).toEqual([`${APPID}/jsapi_ticket`]);
    });

    it('list sorts tasks by app, type and subject, whatever the order of the store is', async () => {
      const status = server.tokens.status.bind(server.tokens);
      await server.tokens.register({ appid: OTHER, secret: APP_SECRET, tasks: ['access_token'] });
      const user = (subject: string) => ({ type: 'oauth2_access_token', subject }) as const;
      const tasks = [user('b'), user('a'), 'jsapi_ticket', 'access_token'] as const;
      await server.tokens.register({ appid: APPID, secret: APP_SECRET, tasks });
      server.tokens.status = async function* (query) {
        const found = [];
        for await (const task of status(query)) found.push(task);
        yield* found.toReversed();
      };
      const { out } = await command('list --json');
      const ids = out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).id);
      expect(ids).toEqual([
        ...[`${APPID}/access_token`, `${APPID}/jsapi_ticket`, `${APPID}/oauth2_access_token/a`],
        ...[`${APPID}/oauth2_access_token/b`, `${OTHER}/access_token`],
      ]);
    });

    it('list takes the number of a type', async () => {
      await server.tokens.register({ appid: APPID, secret: APP_SECRET, tasks: ['access_token', 'jsapi_ticket'] });
      const { out } = await command(`list ${APPID} 1 --json`);
      expect(JSON.parse(out).id).toBe(`${APPID}/jsapi_ticket`);
    });

    it('list --state shows only tasks in the given states', async () => {
      await server.tokens.register({ appid: APPID, secret: APP_SECRET, tasks: ['access_token'] });
      await server.tokens.get(APPID, 'access_token');
      await server.tokens.register({ appid: OTHER, secret: 'wrong', tasks: ['access_token'] });
      await server.tokens.register({ appid: 'wx-waiting', secret: APP_SECRET, tasks: ['oauth2_access_token'] });
      const appids = async (options: string): Promise<string[]> =>
        (await command(`list --json ${options}`)).out
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line).appid);
      expect(await appids('--state missing')).toEqual([OTHER]);
      expect(await appids('--state fresh --state missing')).toEqual([APPID, OTHER]);
      expect(await appids('--state waiting')).toEqual(['wx-waiting']);
      expect(await appids('--state expired')).toEqual([]);
      expect(await command('list --state dead')).toMatchObject({
        code: 2,
        err: `${PREFIX}--state must be fresh, due, expired, missing, waiting, got "dead"\n`,
      });
    });

    it('list reports on standard error that there are no tasks', async () => {
      expect(await command('list')).toEqual({ code: 0, out: '', err: 'there are no tasks\n' });
      expect(await command('list --json')).toEqual({ code: 0, out: '', err: '' });
    });

    it.each(['list wx-mistyped', `list ${APPID} jsapi_ticket`, 'list --state waiting'])(
      '%s says that there are no such tasks where there are others',
      async (line) => {
        await server.tokens.register({ appid: APPID, secret: APP_SECRET, tasks: ['access_token'] });
        expect(await command(line)).toEqual({ code: 0, out: '', err: 'there are no such tasks\n' });
      },
    );
  });
});

describe('commands that ask a server with API keys', () => {
  const reader = createApiKey({ scopes: ['read'] });

  beforeEach(async () => {
    server = await TokenServer.start([APPID], { keys: [reader.entry] });
    await server.tokens.register({ appid: APPID, secret: APP_SECRET, tasks: ['access_token'] });
  });
  afterEach(() => server[Symbol.asyncDispose]());

  it('a command takes the key from the variable, or from a file', async () => {
    const token = `${await server.tokens.get(APPID, 'access_token')}\n`;
    expect((await command(`get ${APPID} access_token`, { env: { WECHAT_TOKENS_KEY: reader.key } })).out).toBe(token);
    expect((await command(`get ${APPID} access_token --key-file ${fileWith(`${reader.key}\n`)}`)).out).toBe(token);
  });

  it('a command without a key explains how to give it', async () => {
    const { code, err } = await command('list');
    expect(code).toBe(1);
    expect(err).toBe(
      `${PREFIX}${server.url} requires an API key (401): ` +
        'set WECHAT_TOKENS_KEY to an API key, or give a file that contains one with --key-file\n',
    );
  });

  it('an unknown key, or one without the right, is reported with its source and the reason', async () => {
    const stranger = createApiKey({ scopes: ['read'] }).key;
    const unknown = await command('list', { env: { WECHAT_TOKENS_KEY: stranger } });
    expect(unknown).toEqual({
      code: 1,
      out: '',
      err: `${PREFIX}${server.url} rejected the API key of WECHAT_TOKENS_KEY: the API key in Authorization is unknown (401)\n`,
    });
    const refused = await command(`refresh ${APPID} access_token --key-file ${fileWith(reader.key)}`);
    expect(refused.err).toBe(
      `${PREFIX}${server.url} rejected the API key of --key-file: an API key with scope refresh is required (403)\n`,
    );
    const registering = await command(`register ${APPID} --task access_token`, {
      env: { WECHAT_TOKENS_KEY: reader.key },
      input: APP_SECRET,
    });
    expect(registering.err).toMatch(/: an API key with scope register is required \(403\)\n$/);
  });

  it('a malformed key is refused, and nothing of it is shown', async () => {
    const two = `${reader.key}\n${reader.key}`;
    for (const result of [
      await command('list', { env: { WECHAT_TOKENS_KEY: two } }),
      await command(`list --key-file ${fileWith(two)}`),
    ]) {
      expect(result.code).toBe(2);
      expect(result.err).toMatch(/ must contain an API key on one line, got \d+ characters\n$/);
      expect(result.err).not.toContain(reader.key.slice(13));
    }
    expect((await command(`list --key-file ${fileWith('')}`)).err).toContain('--key-file must contain an API key');
    const quoted = await command('list', { env: { WECHAT_TOKENS_KEY: `"${reader.key}"` } });
    expect(quoted.err).toBe(`${PREFIX}WECHAT_TOKENS_KEY must not be in quotation marks\n`);
    const invisible = await command(`list --key-file ${fileWith(`${reader.key}\u200b`)}`);
    expect(invisible.err).toBe(`${PREFIX}--key-file: its content must not end with an invisible character (U+200B)\n`);
  });
});
