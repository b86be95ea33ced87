import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runBuiltCommand, startCommand } from '../support/servers/command-line.js';
import { APP_SECRET, TokenServer } from '../support/servers/token-server.js';

const MANIFEST = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const APPID = 'wx0123456789abcdef';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wechat-command-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function firstLine(output: Readable): Promise<string> {
  const lines = createInterface({ input: output });
  const [line] = await once(lines, 'line');
  lines.close();
  return line;
}

async function endOf(child: ChildProcess): Promise<unknown> {
  const [code, signal] = await once(child, 'close');
  return code ?? signal;
}

describe('the built command', () => {
  it('the manifest names the command, which can be run by itself', () => {
    const path = new URL(`../../${MANIFEST.bin['wechat-token-manager']}`, import.meta.url).pathname;
    expect(execFileSync(path, ['--version'], { encoding: 'utf8' })).toBe(`${MANIFEST.version}\n`);
  });

  it('the command loads all its chunks and shows its help', async () => {
    const { code, out, err } = await runBuiltCommand(['--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('Usage: wechat-token-manager');
  });

  it('an unknown option is answered with the one that was probably meant', async () => {
    expect(await runBuiltCommand(['--prot', '80'])).toEqual({
      code: 2,
      out: '',
      err: 'wechat-token-manager: unknown option --prot (did you mean --port?)\n',
    });
  });

  it('serve is refused with bad options', async () => {
    const { code, err } = await runBuiltCommand(['serve'], { env: { WECHAT_TOKENS_PORT: '99999' } });
    expect({ code, err }).toEqual({
      code: 2,
      err: 'wechat-token-manager: WECHAT_TOKENS_PORT must be a number from 0 to 65535, got "99999"\n',
    });
  });

  // A bundler drops a check that only calls a function which may throw, as it sees no other effect.
  it('a proxy whose password is not percent-encoded is refused', async () => {
    const { code, err } = await runBuiltCommand(['serve', '--port', '0'], {
      env: { WECHAT_TOKENS_PROXY: 'http://user:CANARY%zz@127.0.0.1:1' },
    });
    expect(code).toBe(2);
    expect(err).toContain('WECHAT_TOKENS_PROXY must be an http or https URL');
    expect(err).not.toContain('CANARY');
  });

  it('keys can be added, listed and removed', async () => {
    const path = join(directory, 'keys.json');
    const added = await runBuiltCommand(['keys', 'add', '--keys', path, '--scope', 'refresh']);
    const id = added.out.slice(4, 12);
    expect(added.code).toBe(0);
    const { out: listed } = await runBuiltCommand(['keys', 'list', '--keys', path]);
    expect(listed.replace(/\d{4}-\d\d-\d\d/, 'today')).toBe(`${id}  refresh  all apps  made today\n`);
    expect((await runBuiltCommand(['keys', 'remove', id, '--keys', path])).out).toBe(`removed ${id}\n`);
    expect((await runBuiltCommand(['keys', 'list', '--keys', path])).out).toBe('');
  });

  it('no key is lost when several are added at once', async () => {
    const path = join(directory, 'keys.json');
    const added = await Promise.all(Array.from({ length: 6 }, () => runBuiltCommand(['keys', 'add', '--keys', path])));
    const ids = added.map(({ out }) => out.slice(4, 12));
    const { out } = await runBuiltCommand(['keys', 'list', '--keys', path]);
    expect(out.match(/^\w+/gm)?.toSorted()).toEqual(ids.toSorted());
  });

  it('the fake WeChat prints its address, issues tokens and ends on SIGTERM', async () => {
    const child = startCommand(['fake', '--port', '0', '--life-seconds', '100']);
    const origin = await firstLine(child.stdout);
    const response = await fetch(`${origin}/cgi-bin/token?grant_type=client_credential&appid=${APPID}&secret=secret`);
    const { access_token, expires_in } = (await response.json()) as { access_token: string; expires_in: number };
    expect(access_token).not.toBe('');
    expect(expires_in).toBeLessThanOrEqual(100);
    const second = await runBuiltCommand(['fake', '--port', new URL(origin).port]);
    expect(second.code).toBe(1);
    expect(second.err).toMatch(
      /^wechat-token-manager: cannot listen on 127\.0\.0\.1, port \d+: it is in use; [^\n]+\n$/,
    );
    const ended = endOf(child);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it('the commands take an app from registration to unregistration, and each ends at once', async () => {
    await using server = await TokenServer.start([APPID]);
    const env = { WECHAT_TOKENS_URL: server.url };
    const registered = await runBuiltCommand(['register', APPID, '--task', 'access_token'], { env, input: APP_SECRET });
    expect(registered).toEqual({ code: 0, out: `registered ${APPID}, with access_token\n`, err: '' });
    const { out: token } = await runBuiltCommand(['get', APPID, 'access_token'], { env });
    expect(server.wechat.isValid(token.trim())).toBe(true);
    const listed = await runBuiltCommand(['list'], { env });
    expect(listed.out).toMatch(new RegExp(`^APP .*\\n${APPID} +access_token +fresh .*\\n$`));
    expect((await runBuiltCommand(['refresh', APPID, 'access_token'], { env })).out).not.toBe(token);
    expect((await runBuiltCommand(['unregister', APPID], { env })).code).toBe(0);
    expect(await runBuiltCommand(['list'], { env })).toEqual({ code: 0, out: '', err: 'there are no tasks\n' });
  });

  it('the command does not crash when its output is no longer read', async () => {
    await using server = await TokenServer.start([APPID]);
    const tasks = Array.from({ length: 1_500 }, (_, index) => ({
      type: 'oauth2_access_token' as const,
      subject: `o${index}`,
    }));
    await server.tokens.register({ appid: APPID, secret: APP_SECRET, tasks });
    const child = startCommand(['list', '--json'], { WECHAT_TOKENS_URL: server.url });
    const complaints: string[] = [];
    child.stderr.on('data', (chunk) => complaints.push(String(chunk)));
    const ended = endOf(child);
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await ended).toBe(0);
    expect(complaints).toEqual([]);
  });
});
