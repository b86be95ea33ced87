import { readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parsePage } from '../../scripts/markdown-page.mjs';
import type { ServeProcess } from '../support/servers/serve-process.js';
import { AES_KEY, COMPONENT, PUSH_TOKEN, PushedPlatform, SECRET } from '../support/worlds/pushed-platform.js';

const MERCHANT = 'wx00000000000000d1';
/** The appids of the guide, and those that take their place. */
const APPIDS: readonly (readonly [string, string])[] = [
  ['wx0123456789abcdef', COMPONENT],
  ['wxfedcba9876543210', MERCHANT],
];
const PROGRAM = 'wechat-token-manager ';

/** Returns the commands of the guide that are about a token server, one after another as they stand there. */
async function commandsOf(page: string): Promise<readonly string[]> {
  const text = await readFile(fileURLToPath(new URL(`../../docs/guide/${page}`, import.meta.url)), 'utf8');
  const lines = parsePage(text).blocks.flatMap(({ language, code }) => (language === 'sh' ? code.split('\n') : []));
  // A command with --url is for the server with which the release check is tried.
  const commands = lines.filter((line) => line.startsWith(PROGRAM) && !line.includes(' --url '));
  return commands.map((line) => line.slice(PROGRAM.length));
}

test.each(['platform.md', 'platform.zh-CN.md'])(
  'By the commands of %s a merchant is listed, described and served, and again after the store was lost',
  async (page) => {
    await using platform = await PushedPlatform.start();
    const { wechat, world } = platform;
    const push = { token: PUSH_TOKEN, encodingAesKey: AES_KEY };
    await writeFile(world.path('push.json'), JSON.stringify(push), { mode: 0o600 });
    let server: ServeProcess = await platform.serve();
    const run = async (line: string): Promise<string> => {
      const named = APPIDS.reduce((text, [shown, real]) => text.replaceAll(shown, real), line);
      const args = named.replace('push.json', world.path('push.json')).split(' ');
      const command = world.command(args, { WECHAT_TOKENS_URL: server.url, WECHAT_TOKENS_SECRET: SECRET });
      expect([await command.exited, command.errors]).toEqual([0, '']);
      return command.lines.join('\n');
    };
    const commands = (await commandsOf(page)).filter((line) => !line.startsWith('serve '));
    const [register = '', list = '', describe = '', get = '', recover = '', ...others] = commands;
    expect(others).toEqual([]);
    expect([register, list, describe, get, recover].map((line) => line.split(' ')[0])).toEqual([
      'register',
      'authorizers',
      'describe',
      'get',
      'recover',
    ]);

    expect(await run(register)).toBe(`registered ${COMPONENT}, with component_access_token`);
    platform.pushTo(server);
    expect((await platform.pushTicket()).isAccepted).toBe(true);
    wechat.setAccount(MERCHANT, { kind: 'mini-program', nickName: 'Tea shop' });
    expect((await platform.pushAuthorization(MERCHANT)).isAccepted).toBe(true);
    await expect.poll(() => run(list)).toMatch(/^wx00000000000000d1 {2}miniProgram {2}authorized .* Tea shop$/m);
    expect(await run(describe)).toMatch(/^name +Tea shop$/m);
    expect(wechat.isValid(await run(get))).toBe(true);

    expect(await server.stop()).toBe(0);
    await rm(world.store, { recursive: true });
    server = await platform.serve();
    expect(await run(register)).toBe(`registered ${COMPONENT}, with component_access_token`);
    platform.pushTo(server);
    expect((await platform.pushTicket()).isAccepted).toBe(true);
    expect(await run(recover)).toBe('restored 1 of 1 accounts; 0 were stored');
    expect(await run(list)).toMatch(/^wx00000000000000d1 .*authorized/m);
    expect(wechat.isValid(await run(get))).toBe(true);
    const printed = platform.printed();
    expect([PUSH_TOKEN, AES_KEY, SECRET].filter((secret) => printed.includes(secret))).toEqual([]);
  },
);
